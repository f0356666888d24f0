/** Pictures and sounds, small and valid, made without any tool. */
import { crc32, deflateSync } from "node:zlib";
import { below, type Random } from "./random.ts";

const PNG_SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

/** A landscape in PNG (RFC 2083): a sky, a sun, two ranges of hills. */
export function png(width: number, height: number, random: Random): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(8, 8); // bits a channel
  header.writeUInt8(2, 9); // RGB
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(landscape(width, height, random))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function landscape(width: number, height: number, random: Random): Buffer {
  const [red, green, blue] = [120 + below(random, 120), 140 + below(random, 90), 190 + below(random, 60)];
  const sun = { x: width * (0.2 + 0.6 * random()), y: height * (0.15 + 0.2 * random()), radius: height * 0.1 };
  const hills = [0.55, 0.75].map((level) => ({
    level: level * height,
    wave: width / (2 + 4 * random()),
    shift: 7 * random(),
  }));
  const rows = Buffer.alloc(height * (1 + width * 3)); // each row begins with its filter type: none
  for (let y = 0; y < height; y++) {
    const light = 0.6 + (0.4 * y) / height;
    for (let x = 0; x < width; x++) {
      const inSun = (x - sun.x) ** 2 + (y - sun.y) ** 2 < sun.radius ** 2;
      const range = hills.filter(
        (hill) => y > hill.level + Math.sin(x / hill.wave + hill.shift) * height * 0.08,
      ).length;
      const sky = inSun ? [255, 236, 150] : [red * light, green * light, blue * light];
      const ground = range === 2 ? [54, 94, 70] : [96, 138, 104];
      rows.set(range === 0 ? sky : ground, y * (1 + width * 3) + 1 + x * 3);
    }
  }
  return rows;
}

// MPEG-2 layer III, 32 kbit/s, 24 kHz, mono: what text-to-speech services send. Without side information it is silence.
const MP3_FRAME = Buffer.concat([Buffer.from("fff344c0", "hex"), Buffer.alloc(92)]);

/** `frames` × 24 ms of silence in MP3, with `title` in an ID3v2.3 tag, so that no two recordings are the same file. */
export function mp3(title: string, frames: number): Buffer {
  const text = Buffer.concat([Buffer.from([1, 0xff, 0xfe]), Buffer.from(title, "utf16le")]);
  const frame = Buffer.alloc(10);
  frame.write("TIT2", "latin1");
  frame.writeUInt32BE(text.length, 4);
  const size = frame.length + text.length;
  const tag = Buffer.from([
    0x49,
    0x44,
    0x33,
    3,
    0,
    0,
    (size >> 21) & 127,
    (size >> 14) & 127,
    (size >> 7) & 127,
    size & 127,
  ]);
  return Buffer.concat([tag, frame, text, ...Array.from({ length: frames }, () => MP3_FRAME)]);
}
