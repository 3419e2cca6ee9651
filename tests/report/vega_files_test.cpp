#include "src/report/vega_files.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"

using namespace attohm;

TEST_CASE("a missing plot library names what is missing, where, and scripts/setup", "[unit]") {
    const testing::TemporaryDirectory folder;
    std::ofstream(folder.file("vega.min.js")) << "one";
    try {
        read_vega({folder.path(), std::nullopt, "/nowhere"});
        FAIL("no error");
    } catch (const UserError& error) {
        const std::string text = error.what();
        CHECK(error.where() == "--vega");
        CHECK(text.find("scripts/setup") != std::string::npos);
        CHECK(text.find(folder.path()) != std::string::npos);
        CHECK(text.find("vega-lite.min.js, vega-embed.min.js") != std::string::npos);
        CHECK(text.find("no vega.min.js") == std::string::npos);
    }
    CHECK_THROWS_AS(read_vega({std::nullopt, "/nowhere", "/nowhere"}), UserError);
}

TEST_CASE("nobody named a folder: what is missing is said, with the command that fetches it",
          "[unit]") {
    const testing::TemporaryDirectory folder;
    const VegaFiles none = read_vega({std::nullopt, std::nullopt, folder.path()});
    CHECK_FALSE(none.found());
    CHECK_THAT(none.missing, Catch::Contains("vega.min.js, vega-lite.min.js, vega-embed.min.js"));
    CHECK_THAT(none.warning(), Catch::StartsWith("warning: ") && Catch::Contains(none.missing) &&
                                   Catch::Contains("scripts/setup") && Catch::EndsWith("\n"));
    CHECK(VegaFiles{{"a", "b", "c"}, ""}.warning().empty());
}

TEST_CASE("the library is found where it is named, else beside the program", "[unit]") {
    const testing::TemporaryDirectory root;
    const auto place = std::filesystem::path(root.path());
    const auto fill = [](const std::filesystem::path& folder, const std::string& content) {
        std::filesystem::create_directories(folder);
        for (const char* name : {"vega.min.js", "vega-lite.min.js", "vega-embed.min.js"})
            std::ofstream(folder / name) << content << " " << name;
    };
    std::filesystem::create_directories(place / "build/release/bin");
    std::filesystem::create_directories(place / "usr/bin");
    fill(place / "build/vega", "build");
    fill(place / "usr/share/attohm/vega", "installed");
    fill(place / "own", "own");
    const std::string build_bin = (place / "build/release/bin").string();
    const std::string own = (place / "own").string();

    CHECK(read_vega({std::nullopt, std::nullopt, build_bin}).scripts ==
          std::vector<std::string>{"build vega.min.js", "build vega-lite.min.js",
                                   "build vega-embed.min.js"});
    CHECK(read_vega({std::nullopt, std::nullopt, (place / "usr/bin").string()}).scripts[0] ==
          "installed vega.min.js");
    CHECK(read_vega({std::nullopt, own, build_bin}).scripts[0] == "own vega.min.js");
    CHECK(read_vega({own, "/nowhere", build_bin}).scripts[0] == "own vega.min.js");
}
