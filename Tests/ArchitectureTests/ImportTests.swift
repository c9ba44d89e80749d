import Foundation
import Testing

/// The house: which module may import which.
private enum House {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let contracts: Set<String> = ["Model", "WireFormat", "Bus", "Authority"]
    static let light: Set<String> = [
        "Synchronization", "Logging", "Foundation", "FoundationEssentials", "Glibc", "Darwin",
    ]

    /// Folder of a module below Sources, and the modules of ours and others that it may import.
    static let rules: [String: Set<String>] = [
        "Contracts/Model": [],
        "Contracts/WireFormat": ["Model", "SwiftProtobuf", "Foundation", "FoundationEssentials"],
        "Contracts/Bus": ["Model", "WireFormat", "Synchronization"],
        "Contracts/Authority": ["Model", "WireFormat", "Bus"],
        "Perception": contracts.union(light),
        "Cognition/TimeSeries": ["Glibc", "Darwin"],
        "Cognition/Diagnosis": ["Model"],
        "Cognition/Analyzer": contracts.union(light).union(["TimeSeries", "Diagnosis"]),
        "Decision": contracts.union(light),
        "Action/Remediation": contracts.union(light),
    ]

    static func files(_ folder: String) -> [URL] {
        let walker = FileManager.default.enumerator(
            at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
        return (walker?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
    }

    static func imports(_ file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let position = words.firstIndex(of: "import"), position <= 1, words.count > position + 1 else {
                return nil
            }
            return words[position + 1].split(separator: ".").first.map(String.init)
        }
    }
}

@Suite struct ImportTests {
    @Test(arguments: House.rules.keys.sorted())
    func layersImportOnlyWhatTheyMay(folder: String) throws {
        let files = House.files("Sources/\(folder)")
        #expect(!files.isEmpty)
        for file in files {
            for module in try House.imports(file) {
                #expect(House.rules[folder]?.contains(module) == true, "\(file.lastPathComponent) imports \(module)")
            }
        }
    }

    @Test func onlyTheRedisClientKnowsHiredis() throws {
        for file in House.files("Sources") where try House.imports(file).contains("CHiredis") {
            #expect(file.path.contains("Adapters/RedisClient"))
        }
    }

    @Test func adaptersDoNotImportProcesses() throws {
        let processes: Set<String> = ["Runtime", "Gateway", "ArgumentParser"]
        for file in House.files("Sources/Adapters") {
            #expect(processes.isDisjoint(with: try House.imports(file)), "\(file.lastPathComponent)")
        }
    }

    @Test func coresHaveNoClockNoRandomnessAndNoLog() throws {
        let cores = [
            "CollectionCore", "AnalysisCore", "ExecutionMachine", "LeaseMachine", "PlanMaker", "RiskModel",
            "Correlator", "CauseRanker",
        ]
        let files = House.files("Sources").filter { cores.contains($0.deletingPathExtension().lastPathComponent) }
        #expect(files.count == cores.count)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            for word in ["Date()", "ContinuousClock", ".random(", "UUID()", "Logger", "await "] {
                #expect(!text.contains(word), "\(file.lastPathComponent) uses \(word)")
            }
        }
    }

    @Test func executablesAreThin() throws {
        for file in House.files("Sources/Processes") {
            let text = try String(contentsOf: file, encoding: .utf8)
            guard text.contains("@main") else { continue }
            #expect(text.split(whereSeparator: \.isNewline).count < 100, "\(file.lastPathComponent)")
        }
    }

    @Test func nothingElseStandsAtTheTop() throws {
        let allowed: Set<String> = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "deploy", "proto", "config", "Makefile",
            "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
        ]
        let names = try FileManager.default.contentsOfDirectory(atPath: House.root.path)
        #expect(names.filter { !$0.hasPrefix(".") && !allowed.contains($0) } == [])
    }

    @Test func generatedCodeFitsTheProtos() throws {
        let plugin = try builtProgram("protoc-gen-swift")
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("proto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: output) }
        let protos = House.root.appendingPathComponent("proto")
        let walker = FileManager.default.enumerator(at: protos, includingPropertiesForKeys: nil)
        let files = (walker?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "proto" }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
        process.arguments =
            [
                "--proto_path=\(protos.path)", "--plugin=\(plugin)", "--swift_opt=Visibility=Package",
                "--swift_opt=FileNaming=DropPath", "--swift_out=\(output.path)",
            ] + files.map(\.path)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let committed = House.root.appendingPathComponent("Sources/Contracts/WireFormat/Generated")
        let names = try FileManager.default.contentsOfDirectory(atPath: committed.path).sorted()
        #expect(try FileManager.default.contentsOfDirectory(atPath: output.path).sorted() == names)
        for name in names {
            let fresh = try String(contentsOf: output.appendingPathComponent(name), encoding: .utf8)
            let stored = try String(contentsOf: committed.appendingPathComponent(name), encoding: .utf8)
            #expect(fresh == stored, "\(name): run 'make proto'")
        }
    }

    /// Programs are built beside the test bundle.
    private func builtProgram(_ name: String) throws -> String {
        let own = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        for folder in [own.deletingLastPathComponent().path, House.root.path + "/.build/debug"] {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        Issue.record("\(name) is not built: swift build --product \(name)")
        throw CocoaError(.fileNoSuchFile)
    }
}
