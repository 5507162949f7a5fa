;; One statement that is said to be two gibibytes long.
(func (export "lockstep:connector/connector@0.1.0#release") (result i32)
  (i32.store (i32.const 2048) (i32.const 0))
  (i32.store (i32.const 2052) (i32.const 0x7fffffff))
  (i32.store (i32.const 1028) (i32.const 2048))
  (i32.store (i32.const 1032) (i32.const 1))
  (i32.const 1024))
