#pragma once

/// For kernel files only (built with the kernel flags of cmake/AttohmTargets.cmake): one function,
/// three SIMD levels, chosen when the program starts. No contraction, no reassociation: the levels
/// give the same bytes.
#define ATTOHM_SIMD_CLONES [[gnu::target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")]]
