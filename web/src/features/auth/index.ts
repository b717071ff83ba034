export { RegisterForm } from "./RegisterForm";
export { SignInForm } from "./SignInForm";
