#include "src/base/atomic_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "src/base/error.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"

using attohm::AtomicFile;
using attohm::UserError;
using attohm::testing::TemporaryDirectory;

TEST_CASE("a file appears whole, at commit", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("out.txt");
    attohm::write_file_atomically(path, "old");
    {
        AtomicFile file(path);
        std::ofstream(file.temporary_path()) << "new";
        CHECK(attohm::read_text_file(path) == "old");
        CHECK(std::filesystem::path(file.temporary_path()).parent_path() == directory.path());
        file.commit();
    }
    CHECK(attohm::read_text_file(path) == "new");
    CHECK(directory.entries() == 1);
}

TEST_CASE("without commit the old file stays and nothing is left beside it", "[unit]") {
    const TemporaryDirectory directory;
    const std::string path = directory.file("out.txt");
    attohm::write_file_atomically(path, "old");
    {
        const AtomicFile file(path);
        std::ofstream(file.temporary_path()) << "half";
        CHECK(directory.entries() == 2);
    }
    CHECK(attohm::read_text_file(path) == "old");
    CHECK(directory.entries() == 1);
}

TEST_CASE("a place that cannot be written to is a user error at once", "[unit]") {
    const TemporaryDirectory directory;
    CHECK_THROWS_WITH(AtomicFile(directory.file("no/such/out.h5")),
                      Catch::Contains("no/such/out.h5") && Catch::Contains("No such file"));
    CHECK_THROWS_WITH(AtomicFile(directory.path()), Catch::Contains("a directory"));
    CHECK_THROWS_WITH(AtomicFile("/dev/null"), Catch::Contains("not a regular file"));
    CHECK_THROWS_AS(AtomicFile(""), UserError);
    attohm::write_file_atomically(directory.file("file"), "text");
    CHECK_THROWS_WITH(AtomicFile(directory.file("file/out.h5")),
                      Catch::Contains("Not a directory"));
    CHECK(attohm::read_text_file(directory.file("file")) == "text");
}

TEST_CASE("a link is written through, a new file has ordinary rights", "[unit]") {
    const TemporaryDirectory directory;
    attohm::write_file_atomically(directory.file("real"), "old");
    std::filesystem::create_symlink(directory.file("real"), directory.file("link"));
    attohm::write_file_atomically(directory.file("link"), "new");
    CHECK(std::filesystem::is_symlink(directory.file("link")));
    CHECK(attohm::read_text_file(directory.file("real")) == "new");
    struct stat status {};
    REQUIRE(stat(directory.file("real").c_str(), &status) == 0);
    const mode_t mask = umask(0);
    umask(mask);
    CHECK((status.st_mode & 0777U) == (0666U & ~mask));
}
