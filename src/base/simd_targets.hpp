#pragma once

// For kernel files only: what they need before their bodies are compiled once per SIMD level.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define ATTOHM_X86_LEVELS 1
#else
#define ATTOHM_X86_LEVELS 0
#endif
