export function buildLabelMetadata(_outputs: number, _name: string): Uint8Array {
  return new Uint8Array(0);
}
export function appendLabelFile(bytes: Uint8Array, _classNames: readonly string[]): Uint8Array {
  return bytes;
}
