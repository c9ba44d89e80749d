#!lua name=sre_v1

-- The semantic operations of the bus. Each call touches the keys of one partition, all with the same hash tag.
-- All checks come before the first write, so a call is applied as a whole or not at all; a call that is repeated
-- because its reply was lost changes nothing the second time.

local REVISION = 3

-- What one `unpack` may carry safely.
local CHUNK = 1000

local function holds(key, owner, token)
    local record = redis.call('HMGET', key, 'owner', 'token')
    return owner ~= '' and record[1] == owner and record[2] == token
end

-- Whether integer a is less than integer b; Lua's numbers are exact up to 2^53 only.
local function less(a, b)
    if string.sub(a, 1, 1) == '-' or string.sub(b, 1, 1) == '-' then return tonumber(a) < tonumber(b) end
    return #a < #b or (#a == #b and a < b)
end

-- Whether stream position a is before position b.
local function before(a, b)
    local am, as = string.match(a, '^(%d+)-(%d+)$')
    local bm, bs = string.match(b, '^(%d+)-(%d+)$')
    return less(am, bm) or (am == bm and less(as, bs))
end

local function counter(counters, name)
    return tonumber(redis.call('HGET', counters, name) or '0')
end

-- Adds an entry whose names and values are args[first] to args[last], and notes it in the tally.
local function add(stream, args, first, last, tally)
    local size = 0
    for index = first, last do size = size + #args[index] end
    local sum = tally[stream]
    if not sum then
        sum = {entries = 0, bytes = 0}
        tally[stream] = sum
    end
    sum.entries, sum.bytes = sum.entries + 1, sum.bytes + size
    return redis.call('XADD', stream, '*', unpack(args, first, last))
end

-- Moves the counters by what was added, once for each stream.
local function count(tally, counters)
    for stream, sum in pairs(tally) do
        redis.call('HINCRBY', counters, 'appended:' .. stream, sum.entries)
        redis.call('HINCRBY', counters, 'bytes:' .. stream, sum.bytes)
    end
end

local function version()
    return REVISION
end

-- Entries that not all readers have done yet.
local function backlog(counters, stream, readers)
    local appended = counter(counters, 'appended:' .. stream)
    local waiting = 0
    for _, reader in ipairs(readers) do
        waiting = math.max(waiting, appended - counter(counters, 'done:' .. reader .. ':' .. stream))
    end
    return waiting
end

-- KEYS stream marks counters
-- ARGV producer epoch previous sequence softLimit hardLimit hardBytes readers [reader]... entries
--      [fields name value ...]...
local function append(keys, args)
    local stream, marks, counters = keys[1], keys[2], keys[3]
    local producer, epoch, previous, sequence = args[1], args[2], args[3], args[4]
    local soft, hard, bytes = tonumber(args[5]), tonumber(args[6]), tonumber(args[7])
    local mark = redis.call('HGET', marks, producer)
    local known
    if mark then
        local colon = string.find(mark, ':', 1, true)
        local stored = string.sub(mark, 1, colon - 1)
        known = string.sub(mark, colon + 1)
        if less(epoch, stored) then return {'FENCED'} end
        if not less(known, sequence) then return {'DUPLICATE'} end
    end
    if (known or '') ~= previous then return {'GAP', known or ''} end
    local readers = {}
    local position = 9
    for index = 1, tonumber(args[8]) do
        readers[index] = args[position]
        position = position + 1
    end
    local entries = tonumber(args[position])
    position = position + 1
    local waiting = backlog(counters, stream, readers) + entries
    if entries > 0 and (waiting > hard or counter(counters, 'bytes:' .. stream) > bytes) then return {'FULL'} end
    local reply = {'OK', waiting > soft and '1' or '0'}
    local tally = {}
    for _ = 1, entries do
        local last = position + tonumber(args[position]) * 2
        reply[#reply + 1] = add(stream, args, position + 1, last, tally)
        position = last + 1
    end
    count(tally, counters)
    redis.call('HSET', marks, producer, epoch .. ':' .. sequence)
    return reply
end

-- KEYS lease state stream; ARGV owner token limit
-- Counts how often somebody began at this position without getting past it: once for each holder of the lease.
local function read(keys, args)
    local state, stream = keys[2], keys[3]
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    local position = redis.call('HGET', state, 'position:' .. stream) or '0-0'
    local attempts = 1
    local begun, token, count =
        string.match(redis.call('HGET', state, 'attempt:' .. stream) or '', '^(%S+) (%S+) (%d+)$')
    if begun == position then attempts = tonumber(count) + (token == args[2] and 0 or 1) end
    local limit = attempts > 1 and 1 or args[3]
    local entries = redis.call('XRANGE', stream, '(' .. position, '+', 'COUNT', limit)
    if #entries > 0 and (begun ~= position or token ~= args[2]) then
        redis.call('HSET', state, 'attempt:' .. stream, position .. ' ' .. args[2] .. ' ' .. attempts)
    end
    return {'OK', position, tostring(attempts), entries}
end

-- Operators see readers with XINFO GROUPS; the position that counts is the one in the state.
local function show_position(stream, group, position)
    local moved = redis.pcall('XGROUP', 'SETID', stream, group, position)
    if type(moved) == 'table' and moved.err then
        redis.pcall('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
    end
end

local function advance(state, stream, group, to, entries, counters)
    redis.call('HSET', state, 'position:' .. stream, to)
    redis.call('HINCRBY', counters, 'done:' .. group .. ':' .. stream, entries)
    show_position(stream, group, to)
end

local function change(operation, key, counters, args, first, last, tally)
    if operation == 'X' then
        return add(key, args, first, last, tally)
    elseif operation == 'H' then
        for start = first, last, CHUNK do
            redis.call('HSET', key, unpack(args, start, math.min(last, start + CHUNK - 1)))
        end
    elseif operation == 'D' then
        for start = first, last, CHUNK do
            redis.call('HDEL', key, unpack(args, start, math.min(last, start + CHUNK - 1)))
        end
    elseif operation == 'K' then
        local entry = redis.call('XRANGE', key, args[first], args[first])[1]
        if not entry then return nil end
        local size = 0
        for _, text in ipairs(entry[2]) do size = size + #text end
        redis.call('XDEL', key, args[first])
        redis.call('HINCRBY', counters, 'trimmed:' .. key, 1)
        redis.call('HINCRBY', counters, 'bytes:' .. key, -size)
    elseif operation == 'I' then
        redis.call('HINCRBY', key, args[first], args[last])
    elseif operation == 'Z' then
        redis.call('ZADD', key, args[first], args[last])
    elseif operation == 'R' then
        redis.call('ZREM', key, args[first])
    elseif operation == 'E' then
        redis.call('DEL', key)
    end
end

-- KEYS counters, then whatever is named by position
-- ARGV owner token leaseKey operationKey operation
--      checks [key field present value]...
--      advances [state stream group from to entries]...
--      changes [operation key count argument...]...
-- An owner of '' stands for no lease, an operationKey of '0' for an operation that the checks alone make harmless to
-- repeat. Keys are given by their position in KEYS.
local function apply(keys, args)
    local counters = keys[1]
    if args[1] ~= '' and not holds(keys[tonumber(args[3])], args[1], args[2]) then return {'FENCED'} end
    local operation_key = keys[tonumber(args[4])]
    if operation_key and redis.call('HGET', operation_key, 'operation') == args[5] then return {'REPEATED'} end
    local position = 6
    local function take()
        position = position + 1
        return args[position - 1]
    end
    for _ = 1, tonumber(take()) do
        local key, field, present, value = keys[tonumber(take())], take(), take(), take()
        local stored = redis.call('HGET', key, field)
        if (present == '1' and stored ~= value) or (present == '0' and stored) then
            return {'CONFLICT', key, field}
        end
    end
    local advances = {}
    for index = 1, tonumber(take()) do
        local state, stream, group, from = keys[tonumber(take())], keys[tonumber(take())], take(), take()
        local to, entries = take(), take()
        local field = 'position:' .. stream
        if (redis.call('HGET', state, field) or '0-0') ~= from then return {'CONFLICT', state, field} end
        advances[index] = {state, stream, group, to, entries}
    end
    if operation_key then redis.call('HSET', operation_key, 'operation', args[5]) end
    for _, step in ipairs(advances) do advance(step[1], step[2], step[3], step[4], step[5], counters) end
    local reply, tally = {'OK'}, {}
    for _ = 1, tonumber(take()) do
        local operation, key, width = take(), keys[tonumber(take())], tonumber(take())
        local first, last = position, position + width - 1
        position = last + 1
        reply[#reply + 1] = change(operation, key, counters, args, first, last, tally)
    end
    count(tally, counters)
    return reply
end

-- KEYS lease state stream deadLetters counters; ARGV owner token group entry notes [name value]...
-- Moves one entry aside, with notes about it, and the reader past it.
local function to_dlq(keys, args)
    local state, stream, dead, counters = keys[2], keys[3], keys[4], keys[5]
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    local group, id = args[3], args[4]
    local position = redis.call('HGET', state, 'position:' .. stream) or '0-0'
    if not before(position, id) then return {'REPEATED'} end
    local following = redis.call('XRANGE', stream, '(' .. position, '+', 'COUNT', 1)[1]
    if not following or following[1] ~= id then return {'CONFLICT', state, 'position:' .. stream} end
    local fields = {}
    for index = 6, 5 + tonumber(args[5]) * 2 do fields[#fields + 1] = args[index] end
    for _, value in ipairs(following[2]) do fields[#fields + 1] = value end
    local tally = {}
    local moved = add(dead, fields, 1, #fields, tally)
    count(tally, counters)
    advance(state, stream, group, id, 1, counters)
    return {'OK', moved}
end

-- KEYS stream counters gaps [state]...; ARGV floor limit mode [field]...
-- Removes the oldest entries, at most limit of them, that are before the floor. Mode 'done' spares what a reader, whose
-- position stands in a field of its state, may still need; mode 'shed' does not, and notes what nobody will read.
local function trim(keys, args)
    local stream, counters, gaps = keys[1], keys[2], keys[3]
    local floor, limit, mode = args[1], args[2], args[3]
    if floor == '0-0' then return {'OK', '0', '0', '0'} end
    local needed
    for index = 4, #keys do
        local position = redis.call('HGET', keys[index], args[index] .. ':' .. stream) or '0-0'
        if not needed or before(position, needed) then needed = position end
    end
    local ids, size = {}, 0
    for _, entry in ipairs(redis.call('XRANGE', stream, '-', '(' .. floor, 'COUNT', limit)) do
        if mode ~= 'shed' and needed and before(needed, entry[1]) then break end
        ids[#ids + 1] = entry[1]
        for _, text in ipairs(entry[2]) do size = size + #text end
    end
    local last = ids[#ids]
    if not last then return {'OK', '0', '0', '0'} end
    local milliseconds, sequence = string.match(last, '^(%d+)-(%d+)$')
    redis.call('XTRIM', stream, 'MINID', milliseconds .. '-' .. string.format('%.0f', tonumber(sequence) + 1))
    redis.call('HINCRBY', counters, 'trimmed:' .. stream, #ids)
    redis.call('HINCRBY', counters, 'bytes:' .. stream, -size)
    local shed, first = 0, ''
    for index = 4, #keys do
        local field, role = 'position:' .. stream, string.match(keys[index], ':state:(.*)$')
        local position, skipped = redis.call('HGET', keys[index], field) or '0-0', 0
        for _, id in ipairs(ids) do
            if before(position, id) then
                if skipped == 0 and (first == '' or before(id, first)) then first = id end
                skipped = skipped + 1
            end
        end
        -- What is gone is done with, or it would count as backlog for ever.
        if skipped > 0 then
            redis.call('HSET', keys[index], field, last)
            redis.call('HINCRBY', counters, 'done:' .. role .. ':' .. stream, skipped)
        end
        shed = math.max(shed, skipped)
    end
    if shed > 0 then
        local note = {'stream', stream, 'from', first, 'to', last, 'entries', tostring(shed)}
        local tally = {}
        add(gaps, note, 1, #note, tally)
        count(tally, counters)
    end
    return {'OK', tostring(#ids), tostring(size), tostring(shed)}
end

-- KEYS lease timer stream counters; ARGV owner token now limit
-- Moves what is due from the timer to the stream.
local function timer_pop(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    local due = redis.call('ZRANGE', keys[2], '-inf', args[3], 'BYSCORE', 'LIMIT', 0, args[4], 'WITHSCORES')
    local reply, tally = {'OK'}, {}
    for index = 1, #due, 2 do
        local fields = {'timer', due[index], 'due', due[index + 1]}
        redis.call('ZREM', keys[2], due[index])
        reply[#reply + 1] = add(keys[3], fields, 1, #fields, tally)
    end
    count(tally, keys[4])
    return reply
end

-- KEYS plan queue decisions audit head counters
-- ARGV hash approver approves statement now previous sequence auditHash
--      decision fields [name value]... audit fields [name value]...
local function approve(keys, args)
    local plan, queue, decisions, audit, head, counters = keys[1], keys[2], keys[3], keys[4], keys[5], keys[6]
    local hash, approver, approves, statement, now = args[1], args[2], args[3] == '1', args[4], args[5]
    local previous, sequence, audit_hash = args[6], args[7], args[8]
    local state = redis.call('HGET', plan, 'state')
    if not state then return {'NOTFOUND'} end
    local field = 'statement:' .. approver
    local known = redis.call('HGET', plan, field)
    if known then return {known == statement and 'REPEATED' or 'CONTRADICTS', state} end
    local open = {AWAITING = true}
    if not approves then open = {AWAITING = true, APPROVED = true, AUTO_READY = true, MANUAL = true} end
    if not open[state] then return {'DECIDED', state} end
    local expires = tonumber(redis.call('HGET', plan, 'expires') or '')
    if not expires or tonumber(now) >= expires then return {'EXPIRED'} end
    local stored = redis.call('HGET', head, 'hash')
    if (sequence == '1' and stored) or (sequence ~= '1' and stored ~= previous) then return {'AUDITMOVED'} end
    local approvals = tonumber(redis.call('HGET', plan, 'approvals') or '0') + (approves and 1 or 0)
    local quorum = math.max(1, tonumber(redis.call('HGET', plan, 'quorum') or '1'))
    local following = 'REJECTED'
    if approves then following = approvals >= quorum and 'APPROVED' or 'AWAITING' end
    redis.call('HSET', plan, field, statement, 'approvals', approvals, 'state', following)
    redis.call('HINCRBY', plan, 'version', 1)
    local width, tally = tonumber(args[9]) * 2, {}
    if following ~= 'AWAITING' then
        redis.call('ZREM', queue, hash)
        add(decisions, args, 10, 9 + width, tally)
    end
    local start = 10 + width
    add(audit, args, start + 1, start + tonumber(args[start]) * 2, tally)
    count(tally, counters)
    redis.call('HSET', head, 'seq', sequence, 'hash', audit_hash)
    return {'RECORDED', following}
end

-- KEYS lease; ARGV owner present expectedOwner expectedToken expectedBeat
local function lease_take(keys, args)
    local record = redis.call('HMGET', keys[1], 'owner', 'token', 'beat')
    local unchanged = (args[2] == '0' and not record[1])
        or (args[2] == '1' and record[1] == args[3] and record[2] == args[4] and record[3] == args[5])
    if not unchanged then
        -- An incarnation takes a lease once; when it is the owner already, the first answer was lost.
        local word = record[1] == args[1] and 'OK' or 'REFUSED'
        return {word, record[1] or '', record[2] or '0', record[3] or '0'}
    end
    local token, beat = tonumber(record[2] or '0') + 1, tonumber(record[3] or '0') + 1
    redis.call('HSET', keys[1], 'owner', args[1], 'token', token, 'beat', beat)
    return {'OK', args[1], tostring(token), tostring(beat)}
end

-- KEYS lease; ARGV owner token
local function lease_beat(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    redis.call('HINCRBY', keys[1], 'beat', 1)
    return {'OK'}
end

-- KEYS lease; ARGV owner token
local function lease_release(keys, args)
    if not holds(keys[1], args[1], args[2]) then return {'FENCED'} end
    redis.call('HSET', keys[1], 'owner', '')
    return {'OK'}
end

-- What finishes work may run when memory is full; what admits work may not.
local function register(name, callback, flags)
    redis.register_function {function_name = 'sre_v1_' .. name, callback = callback, flags = flags}
end

register('version', version, {'no-writes'})
register('append', append, {})
register('read', read, {'allow-oom'})
register('commit', apply, {'allow-oom'})
register('transition', apply, {'allow-oom'})
register('audit_append', apply, {'allow-oom'})
register('relay_ack', apply, {'allow-oom'})
register('to_dlq', to_dlq, {'allow-oom'})
register('trim', trim, {'allow-oom'})
register('timer_pop', timer_pop, {'allow-oom'})
register('approve', approve, {'allow-oom'})
register('lease_take', lease_take, {'allow-oom'})
register('lease_beat', lease_beat, {'allow-oom'})
register('lease_release', lease_release, {'allow-oom'})
