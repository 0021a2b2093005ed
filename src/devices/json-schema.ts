import { z } from 'zod';
import { deviceSchema, gatewaySchema } from './device-schema.js';
import { linkSchema } from './link-schema.js';

/** Files that editors use to complete and check a user's own profile; a test keeps them fresh. */
export const JSON_SCHEMA_FILES = {
  'devices/device.schema.json': () => toJsonSchema(deviceSchema, 'isplit-edge device profile'),
  'devices/link.schema.json': () => toJsonSchema(linkSchema, 'isplit-edge link profile'),
  'devices/gateway.schema.json': () => toJsonSchema(gatewaySchema, 'isplit-edge gateway profile'),
} as const satisfies Record<string, () => string>;

/** JSON Schema (draft 2020-12) of a zod schema as text with a final newline. */
function toJsonSchema(schema: z.ZodType, title: string): string {
  const document = z.toJSONSchema(schema, { io: 'input', reused: 'ref' });
  return `${JSON.stringify({ title, ...document }, null, 2)}\n`;
}
