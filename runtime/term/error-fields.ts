/**
 * What of an Error travels: name, message, stack, cause, and `code` when it is a string. The class does not, except
 * for the language's own ones; so match errors on `code` or `name`.
 */

export interface ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: unknown;
  readonly code: string | undefined;
}

export function errorFields(error: Error): ErrorFields {
  const { stack, cause } = error as { stack?: unknown; cause?: unknown };
  const code = (error as { code?: unknown }).code;
  return {
    name: String(error.name),
    message: String(error.message),
    stack: typeof stack === 'string' ? stack : undefined,
    cause,
    code: typeof code === 'string' ? code : undefined,
  };
}

const nativeErrors: ReadonlyMap<string, ErrorConstructor> = new Map([
  ['EvalError', EvalError],
  ['RangeError', RangeError],
  ['ReferenceError', ReferenceError],
  ['SyntaxError', SyntaxError],
  ['TypeError', TypeError],
  ['URIError', URIError],
]);

/** An Error with exactly these fields; its stack is the original's. */
export function rebuildError(fields: ErrorFields): Error {
  const Class = nativeErrors.get(fields.name) ?? Error;
  const error = newErrorWithoutStack(Class, fields.message);
  if (error.name !== fields.name) define(error, 'name', fields.name);
  define(error, 'stack', fields.stack);
  if (fields.cause !== undefined) define(error, 'cause', fields.cause);
  if (fields.code !== undefined) Object.assign(error, { code: fields.code });
  return error;
}

/** Walking the stack is most of an error's cost, and this stack would be thrown away. */
function newErrorWithoutStack(Class: ErrorConstructor, message: string): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new Class(message);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
