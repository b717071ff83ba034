export { Queue, VIEWS, type View } from "./Queue";
export { Standing } from "./Standing";
