;; Never comes to the end of being instantiated.
(func $start (loop $again (br $again)))
(start $start)
