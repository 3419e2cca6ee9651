#include "src/machine/machine.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "src/base/error.hpp"
#include "tests/machine/sprint_plans.hpp"

using namespace attohm;

namespace {

/// A machine file that lives as long as the test.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() / "attohm_machine_test.yaml") {
        std::ofstream(path_) << text;
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

std::string message_of(const std::string& text) {
    const TemporaryFile file(text);
    try {
        load_machine(file.path());
    } catch (const UserError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("every machine in the box loads, with sources", "[property]") {
    for (const std::string& name : machine_names()) {
        const Machine m = load_machine(name);
        CHECK(m.clock_Hz > 0.0);
        for (const std::string& key : m.settings.keys()) {
            INFO(name << " " << key);
            CHECK_FALSE(m.settings.entry(key).source.empty());
            CHECK_FALSE(m.settings.entry(key).help.empty());
        }
    }
    int corelets = 1;
    for (const std::string& name : test::sprint_machines()) {
        const SprintChip chip = test::chip(name);
        CHECK(chip.corelets == corelets);
        CHECK(chip.buffer_bits == std::int64_t{16} * 1024 * 8 * corelets);
        CHECK(chip.clock_Hz == 1e9);
        corelets *= 2;
    }
    CHECK(load_machine("sprint-s").area->value() == Approx(1.18 * 0.8e-6));
    CHECK_FALSE(load_machine("sprint-l").area.has_value());
}

TEST_CASE("a machine file changes keys of a machine in the box", "[unit]") {
    const TemporaryFile file(
        "base: sprint-m\nmachine: {buffer_KB: 128, residency: sld}\n"
        "memory: {read_pJ_per_bit: 2.5}\n");
    const Machine m = load_machine(file.path());
    CHECK(m.name == "attohm_machine_test");
    const SprintChip& chip = *m.sprint();
    CHECK(chip.buffer_bits == 128 * 1024 * 8);
    CHECK(chip.corelets == 2);
    CHECK(chip.residency == Residency::sld);
    CHECK(chip.memory.read_bit.value == Approx(2.5e-12));
    CHECK(chip.memory.read_bit.source.find("given by the user at") == 0);
    CHECK(chip.memory.write_bit.value == Approx(24.4e-12));
}

TEST_CASE("bad machine files end in one message with the place", "[unit]") {
    CHECK_THROWS_AS(load_machine("sprint-xl"), UserError);
    CHECK_THROWS_WITH(load_machine("sprint-xl"), Catch::Contains("sprint-s"));
    const auto changed = [](const std::string& line) {
        return message_of("base: sprint-s\n" + line + "\n");
    };
    CHECK_THAT(changed("machine: {bufer_KB: 8}"), Catch::Contains("machine.buffer_KB"));
    CHECK_THAT(changed("machine: {buffer_KB: 0}"), Catch::Contains("attohm_machine_test.yaml:2"));
    CHECK_THAT(changed("machine: {clock_GHz: -1}"), Catch::Contains("out of range"));
    CHECK_THAT(changed("machine: {residency: always}"), Catch::Contains("sld"));
    CHECK_THAT(changed("machine: {sram_bank_KB: 2}"), Catch::Contains("8 to 1024 KB"));
    CHECK_THAT(changed("memory: {read_pJ_per_bit: -3}"), Catch::Contains("out of range"));
    CHECK_THAT(changed("memory: {read_bits_per_cycle_per_channel: 0}"),
               Catch::Contains("out of range"));
    CHECK_THAT(changed("tables: {memory: no-table}"), Catch::Contains("sprint-reram"));
    CHECK_THAT(message_of("base: sprint-9\n"), Catch::Contains("unknown base machine"));
    // A complete machine: numbers need sources, keys must exist and be read.
    CHECK_THAT(message_of("machine: {clock_GHz: 1}\n"), Catch::Contains("has no source"));
    CHECK_THAT(
        message_of("tables: {memory: sprint-reram, digital: horowitz-45nm, analog: analog-65nm}\n"
                   "machine: {clock_GHz: {value: 1, source: me}}\n"),
        Catch::Contains("missing key `machine.node_nm`"));
    CHECK_THAT(message_of("base: sprint-s\nbase: sprint-m\n"), Catch::Contains("duplicate key"));
}
