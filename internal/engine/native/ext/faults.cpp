// What the sanitizers are there to find. Only the engine of a program built with
// -asan has it, and its tests commit each fault to see that it is reported.
#if defined(__SANITIZE_ADDRESS__)
#include <limits>

extern "C" __attribute__((visibility("default"))) void adj_fault(int which) {
  volatile int four = 4, most = std::numeric_limits<int>::max();
  int* volatile p = new int[four](); // so that the compiler leaves it all in
  switch (which) {
    case 0:
      p[four] = 1;
      break;
    case 1:
      delete[] p;
      four = p[0];
      return;
    case 2:
      four = most + four;
      break;
    case 3:
      p = nullptr;
      break;
  }
  delete[] p;
}

#endif
