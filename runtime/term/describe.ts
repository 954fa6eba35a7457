export function describeTerm(value: unknown): string {
  return String(value);
}
