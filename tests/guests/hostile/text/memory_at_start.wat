;; Wants four gibibytes before it does anything.
(memory (export "memory") 65536)
