"""The WASM module: how it is built, what its memory holds, and a loader for wasmtime."""
