import { fail } from './errors.js';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  kib: 1024,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
};

/**
 * Parses a size such as `4MB`, `512B`, `1.5 KiB` (K = 1000, Ki = 1024; a bare number is bytes).
 * @returns whole bytes, rounded down
 * @throws IsplitError E_USAGE
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(text);
  const factor = match ? BYTE_UNITS[(match[2] || 'B').toLowerCase()] : undefined;
  if (!match || factor === undefined) {
    fail('E_USAGE', `"${text}" is not a size`, { value: text }, 'Write a size as 4MB, 512KiB, 300KB or 1024B.');
  }
  return Math.floor(Number(match[1]) * factor);
}

const DURATION_UNITS_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000, min: 60_000_000 };

/**
 * Parses a duration such as `50ms`, `0.5s`, `800us`.
 * @returns microseconds
 * @throws IsplitError E_USAGE
 */
export function parseDurationUs(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|min)\s*$/i.exec(text);
  const factor = match ? DURATION_UNITS_US[(match[2] ?? '').toLowerCase().replace('µs', 'us')] : undefined;
  if (!match || factor === undefined) {
    fail('E_USAGE', `"${text}" is not a duration`, { value: text }, 'Write a duration as 50ms, 0.5s or 800us.');
  }
  return Number(match[1]) * factor;
}

const COUNT_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/**
 * Parses a count such as `5M` (MACs) or `12500000`.
 * @throws IsplitError E_USAGE
 */
export function parseCount(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kKmMgG]?)\s*$/.exec(text);
  const factor = match ? COUNT_UNITS[(match[2] ?? '').toLowerCase()] : undefined;
  if (!match || factor === undefined) {
    fail('E_USAGE', `"${text}" is not a count`, { value: text }, 'Write a count as 12500000, 12.5M or 800k.');
  }
  return Math.floor(Number(match[1]) * factor);
}

/** Digits in groups of three, as in `91 304`. */
export function formatCount(n: number): string {
  const sign = n < 0 ? '-' : '';
  return sign + String(Math.round(Math.abs(n))).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** `91 304 B`. */
export function formatBytes(n: number): string {
  return `${formatCount(n)} B`;
}

/** `89.2 KiB`, for tables that need it short. */
export function formatBytesShort(n: number): string {
  if (n < 1024) return `${Math.round(n)} B`;
  if (n < 1024 ** 2) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1024 ** 2).toFixed(2)} MiB`;
}

/** `840 us`, `12.4 ms`, `3.10 s`. */
export function formatDurationUs(us: number): string {
  if (us < 1000) return `${us.toFixed(0)} us`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  return `${(us / 1_000_000).toFixed(2)} s`;
}
