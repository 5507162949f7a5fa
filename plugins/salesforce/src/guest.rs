//! The sandboxed face.
