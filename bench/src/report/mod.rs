//! What was found out, shown: on the terminal, as a page, in the documentation.
//!
//! [`model`] holds what `compare` measured; the rest of this room reads it and
//! measures nothing.

pub(crate) mod model;
