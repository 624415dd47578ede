//! The one task that owns the engine.
