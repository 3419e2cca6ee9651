#include <cstdio>
#include <filesystem>

#include "src/base/atomic_file.hpp"
#include "tests/crossbar/fit/synthetic.hpp"

/// Writes the five CSV files of a made-up device into a folder: what docs/device_fit.md fits.
int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("measured_example FOLDER\n", stderr);
        return 2;
    }
    std::filesystem::create_directories(argv[1]);
    for (const auto& [name, text] : attohm::testing::measured_example(1))
        attohm::write_file_atomically((std::filesystem::path(argv[1]) / name).string(), text);
    return 0;
}
