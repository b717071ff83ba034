export type { Arrival } from "./calls";
export { keepChallenge } from "./challenge";
export { RegisterForm } from "./RegisterForm";
export { SignInForm } from "./SignInForm";
