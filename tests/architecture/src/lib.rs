//! The rules of the house, as tests: which way dependencies point, who may name
//! which library, how long a file may be, which interface folders are frozen.
