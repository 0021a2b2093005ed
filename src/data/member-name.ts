import { fail } from '../core/errors.js';

/**
 * Names of archive members stay inside the archive: relative, without `..`.
 * @throws IsplitError E_DATA_ARCHIVE
 */
export function checkMemberName(archive: string, member: string): void {
  const parts = member.split(/[/\\]/);
  if (member === '' || member.includes('\0') || /^([/\\]|[a-zA-Z]:)/.test(member) || parts.includes('..')) {
    fail(
      'E_DATA_ARCHIVE',
      `${archive} holds a member named ${JSON.stringify(member.slice(0, 100))}, which points outside`,
      { archive, member: member.slice(0, 200) },
      'Do not use this archive; make it again from the files.',
    );
  }
}
