/** MQTT topics of devices and tails: `isplit/v1/<model>/<device>/act` and its sisters. */
import { fail, Problems } from '../core/errors.js';

const ROOT = 'isplit/v1';
/** A device of this name would have the topics of tails. */
export const TAIL_NAME = 'tail';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** What a device publishes and what it is sent. */
export const DEVICE_TOPIC_KINDS = ['act', 'res', 'state'] as const;
export type DeviceTopicKind = (typeof DEVICE_TOPIC_KINDS)[number];

export type ParsedTopic =
  | { readonly of: 'device'; readonly model: string; readonly device: string; readonly kind: DeviceTopicKind }
  | { readonly of: 'tail'; readonly model: string; readonly instance: string };

/** @throws IsplitError E_WIRE_TOPIC for names that topics cannot have */
export function deviceTopic(model: string, device: string, kind: DeviceTopicKind): string {
  checkNames({ model, device });
  if (device === TAIL_NAME) refuse(`no device is called "${TAIL_NAME}"`, { device });
  return `${ROOT}/${model}/${device}/${kind}`;
}

/** Retained JSON of a running tail. @throws IsplitError E_WIRE_TOPIC */
export function tailStateTopic(model: string, instance: string): string {
  checkNames({ model, instance });
  return `${ROOT}/${model}/${TAIL_NAME}/${instance}/state`;
}

/** Topic filter for one kind of all devices of a model; `group`: as an MQTT 5 shared subscription. @throws IsplitError E_WIRE_TOPIC */
export function deviceFilter(model: string, kind: DeviceTopicKind, group?: string): string {
  checkNames(group === undefined ? { model } : { model, group });
  const filter = `${ROOT}/${model}/+/${kind}`;
  return group === undefined ? filter : `$share/${group}/${filter}`;
}

/** undefined for a topic that is none of ours. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const [root, version, model = '', name = '', third, fourth, ...more] = topic.split('/');
  if (`${root}/${version}` !== ROOT || !NAME.test(model) || !NAME.test(name) || more.length > 0) return undefined;
  if (name === TAIL_NAME) {
    if (third === undefined || !NAME.test(third) || fourth !== 'state') return undefined;
    return { of: 'tail', model, instance: third };
  }
  const kind = DEVICE_TOPIC_KINDS.find((one) => one === third);
  return kind === undefined || fourth !== undefined ? undefined : { of: 'device', model, device: name, kind };
}

/** A model's name in topics: its file's without folder and ending, what topics cannot have replaced by `-`. */
export function topicNameOfModel(fileName: string): string {
  const base = fileName.replace(/^.*[\\/]/, '').replace(/\.[A-Za-z0-9]{1,8}$/, '');
  return base.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 64) || 'model';
}

function checkNames(names: Readonly<Record<string, string>>): void {
  const problems = new Problems();
  for (const [what, name] of Object.entries(names)) {
    if (NAME.test(name)) continue;
    problems.add(
      'E_WIRE_TOPIC',
      `"${name.slice(0, 80)}" cannot stand in a topic as ${what}`,
      { what, name },
      'Use letters, digits, dot, _ and -, at most 64.',
    );
  }
  problems.throwIfAny();
}

function refuse(message: string, context: Readonly<Record<string, unknown>>): never {
  return fail('E_WIRE_TOPIC', message, context, 'Choose another name.');
}
