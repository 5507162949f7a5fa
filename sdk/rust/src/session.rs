//! Glue between the contract's plain functions and a [`Connector`] value: one
//! component instance is one session, kept in a thread-local.

use std::cell::RefCell;

use crate::{Connector, Error, Result, Role};

/// Where [`export!`](crate::export) keeps the session. Not for authors.
#[doc(hidden)]
pub struct Slot<C>(RefCell<Option<C>>);

impl<C> Default for Slot<C> {
    fn default() -> Self {
        Slot(RefCell::new(None))
    }
}

impl<C: Connector> Slot<C> {
    /// `open` of the contract: once per instance, first.
    pub fn open(&self, role: &str, config: &str) -> Result<()> {
        let mut slot = self.0.borrow_mut();
        if slot.is_some() {
            return Err(Error::internal("this session is open already"));
        }
        *slot = Some(C::open(Role::parse(role)?, config)?);
        Ok(())
    }

    /// Run `call` on the open session.
    pub fn with<T>(&self, call: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        match self.0.borrow_mut().as_mut() {
            Some(session) => call(session),
            None => Err(Error::internal("the session is not open")),
        }
    }

    /// `close` of the contract; nothing where nothing is open.
    pub fn close(&self) {
        let session = self.0.borrow_mut().take();
        if let Some(session) = session {
            session.close();
        }
    }
}

/// Compiles when the type is a connector. Not for authors.
#[doc(hidden)]
pub const fn fits<C: Connector>() {}

/// Export a [`Connector`] as this component's `connector` interface. Native
/// builds, which exist for unit tests, only check that it fits.
///
/// `export!(Session, "connector.json")` puts the manifest in that file, which lies beside
/// `Cargo.toml`, into the component: what the connector asks for, so that whoever lets it in can
/// read it before anything of it runs. The host holds the connector to it.
#[macro_export]
macro_rules! export {
    ($session:ty, $manifest:literal) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            const BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
            #[doc(hidden)]
            #[unsafe(link_section = "lockstep-manifest")]
            pub static MANIFEST: [u8; BYTES.len()] =
                *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $manifest));
        };
        $crate::export!($session);
    };
    ($session:ty) => {
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::session::fits::<$session>();

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::lockstep::connector0_1_0::connector as contract;
            use $crate::model::*;

            ::std::thread_local! {
                static SESSION: $crate::session::Slot<$session> = ::std::default::Default::default();
            }

            struct Exported;

            impl contract::Guest for Exported {
                fn spec() -> ConnectorSpec {
                    <$session as $crate::Connector>::spec()
                }
                fn open(role: String, config: String) -> $crate::Result<()> {
                    SESSION.with(|slot| slot.open(&role, &config))
                }
                fn check(objects: Vec<String>) -> $crate::Result<Vec<CheckItem>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::check(it, objects)))
                }
                fn discover(objects: Vec<String>) -> $crate::Result<Vec<Object>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::discover(it, objects)))
                }
                fn start(selections: Vec<Selection>) -> $crate::Result<Position> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::start(it, selections)))
                }
                fn release() -> $crate::Result<Vec<String>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::release(it)))
                }
                fn read(request: PageRequest) -> $crate::Result<Page> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::read(it, request)))
                }
                fn changes(request: ChangesRequest) -> $crate::Result<ChangesAnswer> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::changes(it, request)))
                }
                fn fetch(request: FetchRequest) -> $crate::Result<Vec<Found>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::fetch(it, request)))
                }
                fn write(request: WriteRequest) -> $crate::Result<Vec<Outcome>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::write(it, request)))
                }
                fn ensure(request: EnsureRequest) -> $crate::Result<Vec<String>> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::ensure(it, request)))
                }
                fn ingest(request: Webhook) -> $crate::Result<WebhookAnswer> {
                    SESSION.with(|slot| slot.with(|it| $crate::Connector::ingest(it, request)))
                }
            }

            impl $crate::bindings::exports::lockstep::connector0_2_0::session::Guest for Exported {
                fn close() {
                    SESSION.with($crate::session::Slot::close)
                }
            }

    $crate::bindings::export_world!(Exported with_types_in $crate::bindings);
        };
    };
}
