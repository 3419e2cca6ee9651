#include "tests/replay/digits_replay.hpp"

#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"

namespace attohm::testing {

Settings settings_with(const std::vector<std::string>& assignments) {
    Settings settings = experiment_preset();
    for (const std::string& assignment : assignments) settings.overlay_assignment(assignment);
    return settings;
}

ReplayTrace& digits() {
    // Never closed: it would outlive the statics of the HDF5 library.
    static ReplayTrace* const trace = new ReplayTrace(kDigits);
    return *trace;
}

Result replay_digits(const std::vector<std::string>& assignments) {
    return replay(digits(), settings_with(assignments));
}

Result replay_file(const std::string& path, const std::vector<std::string>& assignments) {
    ReplayTrace trace(path);
    return replay(trace, settings_with(assignments));
}

std::string file_bytes(const Result& result) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("result.h5");
    write_result(path, result);
    return read_text_file(path);
}

std::vector<std::string> ideal_hardware() {
    return {"device.card=ideal", "comparator.offset_sigma_V=0", "comparator.noise_sigma_V=0",
            "sense.i_max_A=ideal"};
}

}  // namespace attohm::testing
