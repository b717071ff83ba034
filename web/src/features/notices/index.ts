export { Notices } from "./store";
