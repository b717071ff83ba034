import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** Milliseconds since 1970; 0 for a time that is absent. */
export function toMs(time: Timestamp | undefined): number {
  return time ? timestampMs(time) : 0;
}
