import { describe, expect, it } from 'vitest';
import {
  DEVICE_TOPIC_KINDS,
  deviceFilter,
  deviceTopic,
  parseTopic,
  tailStateTopic,
  topicNameOfModel,
} from '../../../src/wire/topics.js';

describe('topics', () => {
  it('are those of the contract, and are read back', () => {
    for (const kind of DEVICE_TOPIC_KINDS) {
      const topic = deviceTopic('resnet8', 'cam-07', kind);
      expect(topic).toBe(`isplit/v1/resnet8/cam-07/${kind}`);
      expect(parseTopic(topic)).toEqual({ of: 'device', model: 'resnet8', device: 'cam-07', kind });
    }
    expect(tailStateTopic('resnet8', 'gw1')).toBe('isplit/v1/resnet8/tail/gw1/state');
    expect(parseTopic('isplit/v1/resnet8/tail/gw1/state')).toEqual({ of: 'tail', model: 'resnet8', instance: 'gw1' });
    expect(deviceFilter('resnet8', 'act')).toBe('isplit/v1/resnet8/+/act');
    expect(deviceFilter('resnet8', 'act', 'tails')).toBe('$share/tails/isplit/v1/resnet8/+/act');
  });

  it.each([
    '',
    'isplit/v2/a/b/act',
    'isplit/v1/a/b',
    'isplit/v1/a/b/other',
    'isplit/v1/a/b/act/more',
    'isplit/v1/a/tail/act',
    'isplit/v1/a/tail/gw/act',
    'isplit/v1//b/act',
    'isplit/v1/a/+/act',
    `isplit/v1/a/${'x'.repeat(65)}/act`,
    '$SYS/broker',
  ])('"%s" is none of ours', (topic) => {
    expect(parseTopic(topic)).toBeUndefined();
  });

  it('names that would change the topic are refused, all at once', () => {
    const refused = expect.objectContaining({ code: 'E_WIRE_TOPIC' });
    for (const name of ['', 'a/b', '#', '+', 'ä', 'a b', 'x'.repeat(65)]) {
      expect(() => deviceTopic('m', name, 'act'), name).toThrow(refused);
    }
    expect(() => deviceTopic('m', 'tail', 'act')).toThrow(refused);
    expect(() => deviceTopic('#', '+', 'act')).toThrow(
      expect.objectContaining({ all: expect.objectContaining({ length: 2 }) }),
    );
  });

  it('a model is called like its file', () => {
    expect(topicNameOfModel('nets/my net (v2).h5')).toBe('my-net-v2-');
    expect(topicNameOfModel('ic_resnet8.h5')).toBe('ic_resnet8');
    expect(topicNameOfModel('vgg16')).toBe('vgg16');
    expect(topicNameOfModel('###')).toBe('-');
  });
});
