;; Five thousand rows, each the same five thousand cells: twenty-five million values out of
;; 320 KB.
(memory (export "memory") 8)
(func (export "lockstep:connector/connector@0.1.0#read")
  (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (local $at i32)
  (local.set $at (i32.const 262144))
  (loop $again
    (i32.store offset=8 (local.get $at) (i32.const 131072))
    (i32.store offset=12 (local.get $at) (i32.const 5000))
    (local.set $at (i32.add (local.get $at) (i32.const 40)))
    (br_if $again (i32.lt_u (local.get $at) (i32.const 462144))))
  (i32.store (i32.const 1028) (i32.const 262144))
  (i32.store (i32.const 1032) (i32.const 5000))
  (i32.const 1024))
