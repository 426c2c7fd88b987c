//! Setters of a configuration: one for each field, named like it, taking and giving the value.

/// `setters! { Owner { field: Kind; … } }`
macro_rules! setters {
    ($owner:ident { $($field:ident: $kind:ty;)* }) => {
        impl $owner {
            $(
                #[doc = concat!(
                    "Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ")."
                )]
                #[must_use]
                pub fn $field(mut self, $field: $kind) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}
