// ThumbHash (evanw.github.io/thumbhash): a picture in at most 25 bytes, as a few cosines for each channel.

import { thumbURL } from "./api.js";
import { h } from "./words.js";

const LONGEST = 20; // pixels: the hash holds no more than seven waves a side, the browser scales the rest

/** The bytes of base64 text; null if it is none. */
export function bytesOf(text) {
	try {
		return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
	} catch {
		return null;
	}
}

// The table of cos(pi / size * (place + 0.5) * wave), for each place and wave; the same few sizes come again and again.
const tables = new Map();
function cosines(size, waves) {
	const key = size * 16 + waves;
	let table = tables.get(key);
	if (!table) {
		table = new Float32Array(size * waves);
		for (let place = 0; place < size; place++) {
			for (let wave = 0; wave < waves; wave++) table[place * waves + wave] = Math.cos((Math.PI / size) * (place + 0.5) * wave);
		}
		tables.set(key, table);
	}
	return table;
}

/** What a hash says: {width, height, pixels (RGBA)}; null for bytes that are no hash. */
export function decode(hash) {
	if (!hash || hash.length < 5) return null;
	const low = hash[0] | (hash[1] << 8) | (hash[2] << 16);
	const high = hash[3] | (hash[4] << 8);
	const hasAlpha = low >> 23;
	const wide = high >> 15;
	const short = high & 7;
	const long = hasAlpha ? 5 : 7;
	if (hasAlpha && hash.length < 6) return null;
	let next = (hasAlpha ? 6 : 5) * 2; // in half bytes

	const channel = (mean, across, down, scale) => {
		const values = [];
		for (let y = 0; y < down; y++) {
			for (let x = y ? 0 : 1; x * down < across * (down - y); x++) {
				const half = ((hash[next >> 1] ?? 0) >> ((next & 1) * 4)) & 15;
				next++;
				values.push((half / 7.5 - 1) * scale);
			}
		}
		return { mean, across, down, values };
	};
	const across = Math.max(3, wide ? long : short);
	const down = Math.max(3, wide ? short : long);
	const light = channel((low & 63) / 63, across, down, ((low >> 18) & 31) / 31);
	const yellow = channel(((low >> 6) & 63) / 31.5 - 1, 3, 3, (((high >> 3) & 63) / 63) * 1.25);
	const red = channel(((low >> 12) & 63) / 31.5 - 1, 3, 3, (((high >> 9) & 63) / 63) * 1.25);
	const alpha = hasAlpha ? channel((hash[5] & 15) / 15, 5, 5, (hash[5] >> 4) / 15) : null;

	const ratio = (wide ? long : short || 1) / (wide ? short || 1 : long);
	const width = Math.max(1, Math.round(ratio > 1 ? LONGEST : LONGEST * ratio));
	const height = Math.max(1, Math.round(ratio > 1 ? LONGEST / ratio : LONGEST));
	const planes = [light, yellow, red, alpha].map((one) => one && plane(one, width, height));
	return { width, height, pixels: colours(planes, width * height) };
}

function plane({ mean, across, down, values }, width, height) {
	const ofX = cosines(width, across);
	const ofY = cosines(height, down);
	const out = new Float32Array(width * height).fill(mean);
	let at = 0;
	for (let y = 0; y < down; y++) {
		for (let x = y ? 0 : 1; x * down < across * (down - y); x++) {
			const value = values[at++] * 2;
			if (value === 0) continue;
			for (let row = 0, place = 0; row < height; row++) {
				const factor = value * ofY[row * down + y];
				for (let column = 0; column < width; column++, place++) out[place] += factor * ofX[column * across + x];
			}
		}
	}
	return out;
}

function colours([light, yellow, red, alpha], number) {
	const pixels = new Uint8ClampedArray(number * 4);
	for (let i = 0; i < number; i++) {
		const b = light[i] - (2 / 3) * yellow[i];
		const r = (3 * light[i] - b + red[i]) / 2;
		pixels[4 * i] = 255 * r;
		pixels[4 * i + 1] = 255 * (r - red[i]);
		pixels[4 * i + 2] = 255 * b;
		pixels[4 * i + 3] = alpha ? 255 * alpha[i] : 255;
	}
	return pixels;
}

// The header of a BMP, by place: rows from the top, 32 bits a pixel, where each colour is.
const HEADER = { 0: 0x4d42, 10: 122, 14: 108, 26: 0x200001, 30: 3, 54: 0xff, 58: 0xff00, 62: 0xff0000, 66: 0xff000000, 70: 0x73524742 };

/** Pixels (RGBA) as a BMP. */
function bmp({ width, height, pixels }) {
	const bytes = new Uint8Array(122 + pixels.length);
	const view = new DataView(bytes.buffer);
	const words = { ...HEADER, 2: bytes.length, 18: width, 22: -height, 34: pixels.length };
	for (const at in words) view.setInt32(+at, words[at], true);
	bytes.set(pixels, 122);
	return bytes;
}

const kept = new Map();
const KEPT = 3000;

/** A hash (base64) for an <img>: {src, ratio} or null. Canvases would each be a layer, and slow. */
function preview(text) {
	if (!text) return null;
	let found = kept.get(text);
	if (found === undefined) {
		const image = decode(bytesOf(text));
		found = image && { src: `data:image/bmp;base64,${btoa(String.fromCharCode(...bmp(image)))}`, ratio: image.width / image.height };
		if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
		kept.set(text, found);
	}
	return found;
}

/** Show a hash in an <img>, at once; null where there is none to show. */
export function show(image, text) {
	const found = preview(text);
	if (found) image.src = found.src;
	else image.removeAttribute("src");
	return found;
}

export function frame() {
	return h("img.hash", { alt: "", "aria-hidden": "true", draggable: "false" });
}

/** What is shown of an item: its preview, and over it the thumbnail for so many pixels, where there is one. */
export function look(item, pixels, alt = "") {
	const below = frame();
	show(below, item.thumbhash);
	const src = thumbURL(item, pixels);
	return src ? [below, h("img", { src, alt, loading: "lazy", decoding: "async" })] : [below];
}
