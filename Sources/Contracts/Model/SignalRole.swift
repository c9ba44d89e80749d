/// What a metric tells about a workload; drives cause ranking and severity.
package enum SignalRole: String, Sendable, CaseIterable {
    case traffic, errors, latency, cpu, memory, disk, network, saturation, restarts, availability, other
}
