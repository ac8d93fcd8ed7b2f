/*
 * MLX asks for BLAS and LAPACK under the names of the reference libraries; OpenBLAS is here under names that start
 * with scipy_. Each function below is one jump, so that it forwards any argument list and costs next to nothing.
 * symbols.h is written by setup: one FORWARD(name) for each function that libmlx imports.
 */
#if defined(__x86_64__)
#define FORWARD(name)                            \
  __asm__(                                       \
      ".text\n"                                  \
      ".globl " #name "\n"                       \
      ".type " #name ", @function\n"             \
      ".p2align 4\n" #name ":\n"                 \
      "  endbr64\n"                              \
      "  jmp *scipy_" #name "@GOTPCREL(%rip)\n"  \
      ".size " #name ", . - " #name "\n");
#elif defined(__aarch64__)
#define FORWARD(name)                            \
  __asm__(                                       \
      ".text\n"                                  \
      ".globl " #name "\n"                       \
      ".type " #name ", %function\n"             \
      ".p2align 4\n" #name ":\n"                 \
      "  hint 34\n"                              \
      "  adrp x16, :got:scipy_" #name "\n"       \
      "  ldr x16, [x16, :got_lo12:scipy_" #name "]\n" \
      "  br x16\n"                               \
      ".size " #name ", . - " #name "\n");
#else
#error "no BLAS forwarders for this processor"
#endif

#include "symbols.h"

__asm__(".section .note.GNU-stack,\"\",%progbits\n");
