/** How console.log and the REPL print our objects. */
const inspect = Symbol.for('nodejs.util.inspect.custom');

export function showAs<T extends object>(prototype: T, show: (this: T) => string): void {
  Object.defineProperty(prototype, inspect, { value: show, enumerable: false });
}
