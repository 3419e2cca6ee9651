#pragma once

#include <map>
#include <string>
#include <vector>

/// The built program, run as a user runs it.
namespace attohm::testing {

struct ProgramRun {
    int code = -1;  ///< exit code; 128 + the signal where one ended it
    /// Most memory it held at a time, in MiB. Never below what the test itself had held when it
    /// started the program: Linux carries that over.
    double peak_MiB = 0.0;
    double cpu_s = 0.0;  ///< of all its threads
    std::string out;
    std::string err;
};

/// Args: environment: what is set differently from the test's own.
ProgramRun run_attohm(const std::vector<std::string>& arguments,
                      const std::map<std::string, std::string>& environment = {});

/// The program copied to `place` and run from there: nothing lies beside it.
ProgramRun run_moved_attohm(const std::string& place, const std::vector<std::string>& arguments);

/// Exit code of `h5diff a b`, which compares attributes too: 0 the same, 1 not.
int h5diff(const std::string& a, const std::string& b);

/// Settings of OPENBLAS_CORETYPE that this processor can run ("" = its own choice).
std::vector<std::string> blas_core_types();

}  // namespace attohm::testing
