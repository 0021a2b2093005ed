export { tfliteReader } from './read.js';
