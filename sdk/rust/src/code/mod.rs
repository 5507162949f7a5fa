//! Code for one field or one rule, where an expression says too little: a
//! [`Transform`] makes values, a [`Policy`] decides conflicts. Each call gets an
//! instance of its own and is a function of its arguments; there is nothing else.
//!
//! ```ignore
//! struct Shout;
//!
//! impl lockstep_sdk::code::Transform for Shout {
//!     fn describe() -> TransformAbout { … }
//!     fn read(values: Vec<Cell>) -> Result<Cell, String> { … }
//! }
//!
//! lockstep_sdk::export_transform!(Shout);
//! ```

pub mod policy_bindings;
pub mod transform_bindings;

use crate::Cell;

pub use policy_bindings::exports::lockstep::connector::policy::{
    About as PolicyAbout, Claim, Contested, Dispute, Named, Verdict,
};
pub use transform_bindings::exports::lockstep::connector::transform::{About as TransformAbout, Parameter};

/// Makes a value of others, and, where it stands at a column, the column's own of it.
pub trait Transform {
    /// What it takes and gives. Asked when it is loaded.
    fn describe() -> TransformAbout;

    /// The value made of these, one for each that it takes.
    ///
    /// # Errors
    /// In words without the values: they are logged.
    fn read(values: Vec<Cell>) -> Result<Cell, String>;

    /// The column's own value that reads back as this one.
    ///
    /// # Errors
    /// As with [`Transform::read`].
    fn write(_value: Cell) -> Result<Cell, String> {
        Err("it cannot be written".to_owned())
    }
}

/// Decides conflicts.
pub trait Policy {
    /// What it is called.
    fn describe() -> PolicyAbout;

    /// Who is right. What sides hold must not depend on whose edit came first:
    /// decide by values, sides and times, not by which of the two is the incumbent.
    ///
    /// # Errors
    /// Why it cannot tell: a person is asked then.
    fn decide(dispute: Dispute) -> Result<Verdict, String>;
}

/// Compiles when the type is a transform. Not for authors.
#[doc(hidden)]
pub const fn is_transform<T: Transform>() {}

/// Compiles when the type is a policy. Not for authors.
#[doc(hidden)]
pub const fn is_policy<P: Policy>() {}

/// Export a [`Transform`](crate::code::Transform) as this component's interface.
/// Native builds, which exist for unit tests, only check that it fits.
#[macro_export]
macro_rules! export_transform {
    ($code:ty) => {
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::code::is_transform::<$code>();

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::code::transform_bindings::exports::lockstep::connector::transform as contract;

            struct Exported;

            impl contract::Guest for Exported {
                fn describe() -> contract::About {
                    <$code as $crate::code::Transform>::describe()
                }
                fn read(values: Vec<$crate::Cell>) -> Result<$crate::Cell, String> {
                    <$code as $crate::code::Transform>::read(values)
                }
                fn write(value: $crate::Cell) -> Result<$crate::Cell, String> {
                    <$code as $crate::code::Transform>::write(value)
                }
            }

            $crate::code::transform_bindings::export_transform_world!(Exported with_types_in $crate::code::transform_bindings);
        };
    };
}

/// Export a [`Policy`](crate::code::Policy) as this component's interface.
/// Native builds, which exist for unit tests, only check that it fits.
#[macro_export]
macro_rules! export_policy {
    ($code:ty) => {
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::code::is_policy::<$code>();

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::code::policy_bindings::exports::lockstep::connector::policy as contract;

            struct Exported;

            impl contract::Guest for Exported {
                fn describe() -> contract::About {
                    <$code as $crate::code::Policy>::describe()
                }
                fn decide(dispute: contract::Dispute) -> Result<contract::Verdict, String> {
                    <$code as $crate::code::Policy>::decide(dispute)
                }
            }

    $crate::code::policy_bindings::export_policy_world!(Exported with_types_in $crate::code::policy_bindings);
        };
    };
}
