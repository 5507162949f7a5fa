;; A page that is said to have two thousand million rows.
(func (export "lockstep:connector/connector@0.1.0#read")
  (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store (i32.const 1028) (i32.const 0))
  (i32.store (i32.const 1032) (i32.const 0x7fffffff))
  (i32.const 1024))
