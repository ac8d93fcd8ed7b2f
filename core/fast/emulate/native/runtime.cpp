// The run time of an emulated kernel: one unit, compiled without the instrumentation that a kernel gets.
#include "runtime.h"
#include "state.h"

#include "memory.cpp"
#include "threads.cpp"
#include "main.cpp"
