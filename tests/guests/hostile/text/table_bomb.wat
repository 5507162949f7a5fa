;; Grows a table until it is refused, and keeps what it got.
(table $t 1 funcref)
(func (export "lockstep:connector/connector@0.1.0#read")
  (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again
    (br_if $again (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 1000)))))
  (i32.const 0))
