// Which of the forms of a kernel runs.
//
// The compiler made a function for each kind of processor and one that chooses, which
// the loader calls for every place that keeps the kernel's address. To have another
// choice, these functions are called again when the processor seems to be a lesser one.
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "cpu/eager.h"
#include "ext/bindings.h"
#include "ext/tiles.h"

#if defined(ADJ_LEVELS)
// What libgcc found out about the processor, for the functions that choose.
extern "C" __attribute__((visibility("hidden"))) unsigned __cpu_features2[];
#endif

namespace adj::cpu {

#if defined(ADJ_LEVELS)

namespace {

// Bits of __cpu_features2[2]: the levels 3 (AVX2) and 4 (AVX-512) of x86-64.
constexpr unsigned level3 = 1 << 1, level4 = 1 << 2;

int choose_again(dl_phdr_info* lib, size_t, void*) {
  auto here = reinterpret_cast<uintptr_t>(__cpu_features2);
  bool ours = false;
  for (int i = 0; i < lib->dlpi_phnum; i++) {
    auto& p = lib->dlpi_phdr[i];
    auto start = lib->dlpi_addr + p.p_vaddr;
    ours = ours || (p.p_type == PT_LOAD && here >= start && here < start + p.p_memsz);
  }
  if (!ours) {
    return 0;
  }
  bool set = true;
  each_place(lib, [&](const Place& p) {
    uintptr_t chooser = 0;
    if (p.type == R_X86_64_IRELATIVE) {
      chooser = lib->dlpi_addr + p.addend;
    } else if (p.symbol && ELF64_ST_TYPE(p.symbol->st_info) == STT_GNU_IFUNC && p.symbol->st_shndx != SHN_UNDEF) {
      chooser = lib->dlpi_addr + p.symbol->st_value;
    }
    if (chooser) {
      set = p.set(reinterpret_cast<void* (*)()>(chooser)()) && set;
    }
  });
  return set ? 1 : -1;
}

} // namespace

int vector_bits() {
  auto found = __cpu_features2[2];
  return found & level4 ? 512 : found & level3 ? 256 : 128;
}

void choose_vectors() {
  auto* text = std::getenv("ADJOINT_VECTORS");
  if (!text || !*text) {
    return;
  }
  auto& found = __cpu_features2[2];
  std::string most = std::to_string(vector_bits()), want = text;
  // By length and letters, numbers of three digits are in their order.
  if ((want != "128" && want != "256" && want != "512") || want > most) {
    throw std::invalid_argument("ADJOINT_VECTORS=" + want + ": it is the bits of a vector, 128, 256 or 512, and at most " + most + " on this processor");
  }
  if (want != most) {
    found &= want == "128" ? ~(level3 | level4) : ~level4;
    if (dl_iterate_phdr(choose_again, nullptr) != 1) {
      throw std::runtime_error("ADJOINT_VECTORS=" + want + ": the system does not let kernels be exchanged");
    }
  }
}

#else

int vector_bits() {
  return 0;
}

void choose_vectors() {
  if (auto* text = std::getenv("ADJOINT_VECTORS"); text && *text) {
    throw std::invalid_argument("ADJOINT_VECTORS=" + std::string(text) + ": the forms of kernels cannot be told from each other here; leave it unset");
  }
}

#endif

} // namespace adj::cpu
