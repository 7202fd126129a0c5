// What arguments must be. Every error names the argument and the value that was given.

/** A value as an error message shows it. */
export function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || value == null) return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  const name = value.constructor?.name ?? "object";
  return "length" in value ? `${name}(${value.length})` : name;
}

/** An integer from `low` to `high`. */
export function integer(name, value, low, high) {
  if (typeof value !== "number") throw new TypeError(`${name} must be an integer, not ${shown(value)}`);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} must be an integer from ${low} to ${high}, not ${shown(value)}`);
  }
  return value;
}

/** A finite number that float32 can hold. */
export function finite(name, value) {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${shown(value)}`);
  if (!Number.isFinite(Math.fround(value))) throw new RangeError(`${name} must be a finite float32, not ${value}`);
  return value;
}

/** A number that can be compared with others: an infinite one too. */
export function comparable(name, value) {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${shown(value)}`);
  if (Number.isNaN(value)) throw new RangeError(`${name} must be a number, not NaN`);
  return value;
}

/** A length of time in ms. */
export function milliseconds(name, value) {
  if (finite(name, value) < 0 || value > 1000) throw new RangeError(`${name} must be from 0 to 1000 ms, not ${value}`);
  return value;
}

/** 32 bits, given as an unsigned or a signed integer. */
export function word(name, value) {
  return integer(name, value, -(2 ** 31), 2 ** 32 - 1);
}

/** True or false. */
export function flag(name, value) {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false, not ${shown(value)}`);
  return value;
}

/** One of the names given. */
export function choice(name, value, names) {
  const place = names.indexOf(value);
  if (place < 0) throw new RangeError(`${name} must be one of ${names.join(", ")}, not ${shown(value)}`);
  return place;
}

/** An object with no other keys than those named. */
export function options(name, value, keys) {
  if (value === null || typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new TypeError(`${name} must be an object, not ${shown(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw new TypeError(`${name} has no ${shown(key)}: ${keys.join(", ")}`);
  }
  return value;
}

/** A vector of `dims` finite numbers. */
export function vector(name, value, dims) {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (!isList) throw new TypeError(`${name} must be an array of ${dims} numbers, not ${shown(value)}`);
  if (value.length !== dims) throw new RangeError(`${name} has ${value.length} elements; this core has ${dims} dims`);
  for (let d = 0; d < dims; d++) finite(`${name}[${d}]`, value[d]);
  return value;
}

/** Node types as the bits of a 16-bit mask: a type or a list of types. */
export function typeMask(name, value) {
  const types = Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value) : [value];
  return types.reduce((mask, type) => mask | (1 << integer(name, type, 0, 15)), 0);
}

/** A typed array of the kind and length asked for: the one given, or a new one. */
export function output(name, given, Kind, length) {
  if (given === undefined) return new Kind(length);
  if (!(given instanceof Kind)) throw new TypeError(`${name} must be a ${Kind.name}, not ${shown(given)}`);
  if (given.length < length) throw new RangeError(`${name} has ${given.length} elements, ${length} are needed`);
  return given;
}
