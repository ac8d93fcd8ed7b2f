#include "ext/bindings.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace adj {

void each_place(const dl_phdr_info* lib, const std::function<void(const Place&)>& visit) {
  const ElfW(Dyn)* dyn = nullptr;
  for (int i = 0; i < lib->dlpi_phnum; i++) {
    if (lib->dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dyn = reinterpret_cast<const ElfW(Dyn)*>(lib->dlpi_addr + lib->dlpi_phdr[i].p_vaddr);
    }
  }
  if (!dyn) {
    return;
  }
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela)* tables[2] = {nullptr, nullptr};
  size_t sizes[2] = {0, 0};
  for (; dyn->d_tag != DT_NULL; dyn++) {
    auto p = dyn->d_un.d_ptr;
    switch (dyn->d_tag) {
      case DT_SYMTAB: symbols = reinterpret_cast<const ElfW(Sym)*>(p); break;
      case DT_STRTAB: names = reinterpret_cast<const char*>(p); break;
      case DT_JMPREL: tables[0] = reinterpret_cast<const ElfW(Rela)*>(p); break;
      case DT_PLTRELSZ: sizes[0] = dyn->d_un.d_val; break;
      case DT_RELA: tables[1] = reinterpret_cast<const ElfW(Rela)*>(p); break;
      case DT_RELASZ: sizes[1] = dyn->d_un.d_val; break;
    }
  }
  if (!symbols || !names) {
    return;
  }
  for (int t = 0; t < 2; t++) {
    for (size_t i = 0; tables[t] && i < sizes[t] / sizeof(ElfW(Rela)); i++) {
      auto& r = tables[t][i];
#if __SIZEOF_POINTER__ == 8
      auto number = ELF64_R_SYM(r.r_info);
      auto type = ELF64_R_TYPE(r.r_info);
#else
      auto number = ELF32_R_SYM(r.r_info);
      auto type = ELF32_R_TYPE(r.r_info);
#endif
      auto* symbol = number ? symbols + number : nullptr;
      visit({symbol, symbol ? names + symbol->st_name : "", (uint32_t)type, r.r_addend,
             reinterpret_cast<void**>(lib->dlpi_addr + r.r_offset)});
    }
  }
}

bool Place::set(void* target) const {
  uintptr_t page = sysconf(_SC_PAGESIZE);
  auto start = reinterpret_cast<uintptr_t>(slot) & ~(page - 1);
  if (mprotect(reinterpret_cast<void*>(start), page, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  *slot = target;
  return true;
}

// replace is bind for one loaded library.
static void replace(const dl_phdr_info* lib, std::vector<Binding>& bindings) {
  each_place(lib, [&](const Place& p) {
    for (auto& b : bindings) {
      if (*p.name && std::strcmp(p.name, b.symbol) == 0 && p.set(b.target)) {
        b.found++;
      }
    }
  });
}

void bind(std::vector<Binding>& bindings) {
  dl_iterate_phdr(
      [](dl_phdr_info* lib, size_t, void* data) {
        for (const char* name : {"libmlx.so", "libmlxc", "libadjoint_"}) {
          if (std::strstr(lib->dlpi_name, name)) {
            replace(lib, *static_cast<std::vector<Binding>*>(data));
            break;
          }
        }
        return 0;
      },
      &bindings);
}

} // namespace adj

#else

namespace adj {

void bind(std::vector<Binding>&) {}

} // namespace adj

#endif
