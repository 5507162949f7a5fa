//! A component that makes values, as mapping knows it.

use lockstep_core::{
    code::{Code, Transform, TransformAbout},
    value::Value,
};

use super::{
    call::{Caller, bounded},
    memory::Memory,
    still::Still,
};
use crate::v0_1::transform::Prepared;

pub(super) struct Maker {
    pub(super) digest: String,
    pub(super) about: TransformAbout,
    pub(super) prepared: Prepared<Still>,
    pub(super) caller: Caller,
    pub(super) reads: Memory,
    pub(super) writes: Memory,
}

impl Code for Maker {
    fn digest(&self) -> &str {
        &self.digest
    }
}

impl Transform for Maker {
    fn about(&self) -> &TransformAbout {
        &self.about
    }

    fn read(&self, values: &[&Value]) -> Result<Value, String> {
        self.reads.answer(values, || {
            self.caller.call(async |store| self.prepared.read(store, values).await).and_then(bounded)
        })
    }

    fn write(&self, value: &Value) -> Result<Value, String> {
        self.writes.answer(&[value], || {
            self.caller.call(async |store| self.prepared.write(store, value).await).and_then(bounded)
        })
    }
}
