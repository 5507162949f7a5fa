;; Four thousand statements, each the same 64 KiB of its memory: 256 MiB out of 160 KiB.
(memory (export "memory") 4)
(func (export "lockstep:connector/connector@0.1.0#release") (result i32)
  (local $at i32)
  (local.set $at (i32.const 131072))
  (loop $again
    (i32.store (local.get $at) (i32.const 65536))
    (i32.store offset=4 (local.get $at) (i32.const 65536))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $again (i32.lt_u (local.get $at) (i32.const 163072))))
  (i32.store (i32.const 1028) (i32.const 131072))
  (i32.store (i32.const 1032) (i32.const 4000))
  (i32.const 1024))
