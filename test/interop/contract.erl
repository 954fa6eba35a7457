%% Drives a node of ours through the interoperability contract, from a real Erlang node, one group after the other.
%% Prints "ok NAME" or "FAILED NAME: WHY" for each check, and "group NAME: N checks" at the end of each group.
-module(contract).
-export([run/2]).

run(Node, Groups) ->
    put(node, Node),
    lists:foreach(
        fun(Group) ->
            Checks = group(Group),
            lists:foreach(fun({Name, Check}) -> check(Name, Check) end, Checks),
            io:format("group ~p: ~p checks~n", [Group, length(Checks)])
        end,
        Groups
    ).

%% Each check has a process of its own, so that none sees another's messages.
check(Name, Check) ->
    Node = get(node),
    {Pid, Ref} = spawn_monitor(fun() ->
        put(node, Node),
        Check()
    end),
    receive
        {'DOWN', Ref, _, _, normal} -> io:format("ok ~ts~n", [Name]);
        {'DOWN', Ref, _, _, Why} -> io:format("FAILED ~ts: ~0p~n", [Name, Why])
    after 20000 ->
        exit(Pid, kill),
        io:format("FAILED ~ts: not done in 20 s~n", [Name])
    end.

%% Asking

conformance() -> {conformance, get(node)}.
server() -> {conformance_gs, get(node)}.

ask(Op) -> ask(conformance(), Op).
ask(Agent, Op) ->
    Ref = make_ref(),
    Agent ! {self(), Ref, Op},
    receive
        {Ref, Result} -> Result
    after 10000 -> error({no_answer, Op})
    end.

%% An op that is not answered.
tell(Agent, Op) -> Agent ! {self(), make_ref(), Op}.

child() -> ask(spawn_child).

%% The log of an agent, when it has that many entries.
log(Agent, Count) -> log(Agent, Count, 500).
log(Agent, Count, 0) -> error({log, Count, ask(Agent, log)});
log(Agent, Count, Tries) ->
    case ask(Agent, log) of
        Log when length(Log) >= Count -> Log;
        _ -> timer:sleep(10), log(Agent, Count, Tries - 1)
    end.

next() ->
    receive
        Message -> Message
    after 10000 -> error(no_message)
    end.

nothing(Ms) ->
    receive
        Message -> error({unexpected, Message})
    after Ms -> ok
    end.

reasons() ->
    [
        normal, shutdown, {shutdown, x}, kill, killed, noproc, noconnection, timeout, [], "text", <<"bytes">>, 0, 1.5,
        {a, {b, [c]}}, #{k => v}, self(), make_ref(), [1 | 2]
    ].

group(basic) ->
    [
        {"ping is answered", fun() -> pong = ask(ping) end},
        {"net_adm:ping is answered", fun() -> pong = net_adm:ping(get(node)) end},
        {"a registered name is reached, and its pid answers to self", fun() ->
            Pid = ask(self),
            Pid = ask(Pid, self),
            Node = get(node),
            Node = node(Pid)
        end},
        {"dead and unknown destinations swallow messages and harm nothing", fun() ->
            Child = child(),
            tell(Child, {exit, normal}),
            Child ! to_the_dead,
            {nobody_has_this_name, get(node)} ! lost,
            pong = ask(ping)
        end},
        {"an agent registers and unregisters a name", fun() ->
            Child = child(),
            ok = ask(Child, {register, a_name}),
            {error, badarg} = ask(child(), {register, a_name}),
            pong = ask({a_name, get(node)}, ping),
            ok = ask(Child, {unregister, a_name}),
            {error, badarg} = ask(Child, {unregister, a_name})
        end},
        {"a message to an alias arrives until it is none", fun() ->
            Alias = alias([reply]),
            ok = ask({send, Alias, first}),
            first = next(),
            ok = ask({send, Alias, second}),
            nothing(100)
        end},
        {"an unknown op is said to be one", fun() ->
            {error, badop} = ask(nonsense),
            {error, badop} = ask({nonsense, 1})
        end},
        {"everything that is no op is logged, oldest first", fun() ->
            Child = child(),
            Child ! one, Child ! {two}, Child ! {three, 3, 3},
            [one, {two}, {three, 3, 3}] = log(Child, 3),
            ok = ask(Child, clear),
            0 = ask(Child, log_size)
        end},
        {"a hundred clients at once are all answered", fun() ->
            Self = self(),
            Node = get(node),
            [spawn_link(fun() ->
                put(node, Node),
                Child = child(),
                {mine, N} = ask(Child, {echo, {mine, N}}),
                Self ! done
            end) || N <- lists:seq(1, 100)],
            [done = next() || _ <- lists:seq(1, 100)]
        end}
    ];
group(echo) ->
    [{io_lib:format("echo ~0P", [Term, 12]), fun() -> same(Term, ask({echo, Term})) end} || Term <- terms()] ++
    [{"a pid of here that was echoed is still this process", fun() ->
        ask({echo, self()}) ! hello,
        hello = next()
    end},
    {"a fun that was echoed still runs", fun() ->
        X = 5,
        Fun = ask({echo, fun(Y) -> X + Y end}),
        7 = Fun(2),
        3 = (ask({echo, fun erlang:length/1}))([a, b, c])
    end},
    {"a tuple that begins with $js and is none of the forms comes back as the form for it, which comes back as it is", fun() ->
        Marked = {'$js', tuple, {'$js', x}},
        Marked = ask({echo, {'$js', x}}),
        Marked = ask({echo, Marked})
    end},
    {"five hundred random terms come back", fun() ->
        rand:seed(exsss, {1, 2, 3}),
        [same(T, ask({echo, T})) || T <- [random_term(4) || _ <- lists:seq(1, 500)]]
    end}];
group(monitor) ->
    [{io_lib:format("DOWN with ~0p, both ways", [Reason]), fun() ->
        Child = child(),
        Ref = monitor(process, Child),
        tell(Child, {exit, Reason}),
        {'DOWN', Ref, process, Child, Reason} = next(),
        Agent = child(),
        Mine = spawn(fun() -> receive go -> exit(Reason) end end),
        There = ask(Agent, {monitor, Mine}),
        Mine ! go,
        [{'DOWN', There, process, Mine, Reason}] = log(Agent, 1)
    end} || Reason <- reasons()] ++
    [{"noproc for a dead pid and a name that nobody has, both ways", fun() ->
        Node = get(node),
        Child = child(),
        tell(Child, {exit, normal}),
        Gone = monitor(process, Child),
        {'DOWN', Gone, process, Child, Why} = next(),
        true = Why =:= noproc orelse Why =:= normal,
        Name = monitor(process, {nobody, Node}),
        {'DOWN', Name, process, {nobody, Node}, noproc} = next(),
        Agent = child(),
        Dead = spawn(fun() -> ok end),
        timer:sleep(10),
        First = ask(Agent, {monitor, Dead}),
        Second = ask(Agent, {monitor, {nobody, node()}}),
        Log = log(Agent, 2),
        true = lists:member({'DOWN', First, process, Dead, noproc}, Log),
        true = lists:member({'DOWN', Second, process, {nobody, node()}, noproc}, Log)
    end},
    {"a monitor by name follows the process, and the DOWN has the name", fun() ->
        Node = get(node),
        Child = child(),
        ok = ask(Child, {register, moving}),
        Ref = monitor(process, {moving, Node}),
        ok = ask(Child, {unregister, moving}),
        Other = child(),
        ok = ask(Other, {register, moving}),
        tell(Child, {exit, gone}),
        {'DOWN', Ref, process, {moving, Node}, gone} = next(),
        ok = ask(Other, {unregister, moving})
    end},
    {"after demonitor no DOWN comes, in either direction", fun() ->
        Child = child(),
        Ref = monitor(process, Child),
        demonitor(Ref, [flush]),
        tell(Child, {exit, x}),
        Agent = child(),
        Mine = spawn(fun() -> receive go -> ok end end),
        There = ask(Agent, {monitor, Mine}),
        ok = ask(Agent, {demonitor, There}),
        Mine ! go,
        timer:sleep(50),
        [] = ask(Agent, log),
        nothing(50)
    end},
    {"a storm of a thousand monitors ends in a thousand DOWNs", fun() ->
        Child = child(),
        Refs = [monitor(process, Child) || _ <- lists:seq(1, 1000)],
        tell(Child, {exit, storm}),
        Downs = [begin {'DOWN', R, process, Child, storm} = next(), R end || _ <- Refs],
        true = lists:sort(Refs) =:= lists:sort(Downs)
    end},
    {"exit/2 with kill, normal and others, trapped and not", fun() ->
        Killed = child(),
        ok = ask(Killed, {trap, true}),
        K = monitor(process, Killed),
        exit(Killed, kill),
        {'DOWN', K, process, Killed, killed} = next(),
        Trapping = child(),
        ok = ask(Trapping, {trap, true}),
        exit(Trapping, normal), exit(Trapping, boom),
        Self = self(),
        [{'EXIT', Self, normal}, {'EXIT', Self, boom}] = log(Trapping, 2),
        Plain = child(),
        P = monitor(process, Plain),
        exit(Plain, normal),
        pong = ask(Plain, ping),
        exit(Plain, boom),
        {'DOWN', P, process, Plain, boom} = next()
    end},
    {"exit/2 from there kills a process here", fun() ->
        Mine = spawn(fun() -> process_flag(trap_exit, true), receive never -> ok end end),
        Ref = monitor(process, Mine),
        ok = ask({exit2, Mine, kill}),
        {'DOWN', Ref, process, Mine, killed} = next()
    end}];
group(link) ->
    [{io_lib:format("EXIT with ~0p, both ways", [Reason]), fun() ->
        process_flag(trap_exit, true),
        Child = child(),
        link(Child),
        tell(Child, {exit, Reason}),
        {'EXIT', Child, Reason} = next(),
        Agent = child(),
        ok = ask(Agent, {trap, true}),
        Mine = spawn(fun() -> receive go -> exit(Reason) end end),
        ok = ask(Agent, {link, Mine}),
        Mine ! go,
        [{'EXIT', Mine, Reason}] = log(Agent, 1)
    end} || Reason <- reasons()] ++
    [{"who does not trap ends with the reason; normal ends nobody", fun() ->
        Agent = child(),
        Ref = monitor(process, Agent),
        Quiet = spawn(fun() -> receive go -> ok end end),
        ok = ask(Agent, {link, Quiet}),
        Quiet ! go,
        timer:sleep(50),
        pong = ask(Agent, ping),
        Loud = spawn(fun() -> receive go -> exit(loud) end end),
        ok = ask(Agent, {link, Loud}),
        Loud ! go,
        {'DOWN', Ref, process, Agent, loud} = next()
    end},
    {"a link to a dead process is an EXIT noproc", fun() ->
        process_flag(trap_exit, true),
        Child = child(),
        tell(Child, {exit, normal}),
        timer:sleep(50),
        link(Child),
        {'EXIT', Child, noproc} = next()
    end},
    {"unlink from either side holds, and links can be made again", fun() ->
        process_flag(trap_exit, true),
        Child = child(),
        link(Child), unlink(Child), link(Child),
        ok = ask(Child, {unlink, self()}),
        ok = ask(Child, {link, self()}),
        unlink(Child),
        tell(Child, {exit, boom}),
        nothing(100),
        Again = child(),
        link(Again), unlink(Again), link(Again),
        tell(Again, {exit, boom}),
        {'EXIT', Again, boom} = next()
    end},
    {"races of links and unlinks from both sides leave no link behind that was taken back", fun() ->
        process_flag(trap_exit, true),
        [begin
            Child = child(),
            tell(Child, {link, self()}),
            link(Child),
            unlink(Child),
            ok = ask(Child, {unlink, self()}),
            unlink(Child),
            tell(Child, {exit, race}),
            Ref = monitor(process, Child),
            down(Ref)
        end || _ <- lists:seq(1, 200)],
        flush_answers(),
        nothing(50)
    end}];
group(order) ->
    [
        {"10,000 messages come before DOWN and before EXIT", fun() ->
            process_flag(trap_exit, true),
            Child = child(),
            Ref = monitor(process, Child),
            tell(Child, {send_n_exit, self(), 10000, done}),
            in_order(10000),
            {'DOWN', Ref, process, Child, done} = next(),
            Linked = child(),
            link(Linked),
            tell(Linked, {send_n_exit, self(), 10000, done}),
            in_order(10000),
            {'EXIT', Linked, done} = next()
        end},
        {"10,000 messages of ours come before our DOWN", fun() ->
            Agent = child(),
            Sender = spawn(fun() ->
                receive go -> ok end,
                [Agent ! {seq, N} || N <- lists:seq(1, 10000)],
                exit(done)
            end),
            Ref = ask(Agent, {monitor, Sender}),
            Sender ! go,
            Log = log(Agent, 10001),
            true = Log =:= [{seq, N} || N <- lists:seq(1, 10000)] ++ [{'DOWN', Ref, process, Sender, done}]
        end},
        {"messages by pid and by name keep their order, big before small", fun() ->
            Agent = child(),
            ok = ask(Agent, {register, ordered}),
            Big = binary:copy(<<7>>, 1000000),
            Sent = lists:append([[{N, pid, Big}, {N, name}] || N <- lists:seq(1, 5)]),
            [case M of {_, pid, _} -> Agent ! M; {_, name} -> {ordered, get(node)} ! M end || M <- Sent],
            true = Sent =:= log(Agent, 10),
            ok = ask(Agent, {unregister, ordered})
        end},
        {"four senders at once each keep their order", fun() ->
            Self = self(),
            Children = [child() || _ <- lists:seq(1, 4)],
            [tell(C, {send_n_exit, Self, 2500, C}) || C <- Children],
            Got = [N || {seq, N} <- [next() || _ <- lists:seq(1, 10000)]],
            true = lists:sort(Got) =:= lists:append([[N, N, N, N] || N <- lists:seq(1, 2500)])
        end}
    ];
group(big) ->
    [{io_lib:format("a binary of ~p bytes there and back", [Size]), fun() ->
        Bin = crypto_free_bytes(Size),
        Size = ask({size, Bin}),
        true = Bin =:= ask({echo, Bin})
    end} || Size <- [65536, 1048576, 16777216]] ++
    [{"an exit reason of 2 MB", fun() ->
        Child = child(),
        Ref = monitor(process, Child),
        Bin = crypto_free_bytes(2097152),
        tell(Child, {exit, {big, Bin}}),
        {'DOWN', Ref, process, Child, {big, Bin}} = next()
    end}];
group(gen_server) ->
    [
        {"calls and casts", fun() ->
            Server = ask(spawn_gs),
            [1, {x}] = gen_server:call(Server, {echo, [1, {x}]}),
            ok = gen_server:cast(Server, {note, a}),
            ok = gen_server:cast(Server, {note, "b"}),
            [a, "b"] = gen_server:call(Server, notes),
            hello = gen_server:call(server(), {echo, hello})
        end},
        {"a delayed answer holds up no other call", fun() ->
            Server = ask(spawn_gs),
            Self = self(),
            spawn_link(fun() -> Self ! gen_server:call(Server, {delay, 300, slow}) end),
            quick = gen_server:call(Server, {delay, 0, quick}),
            slow = next()
        end},
        {"a call that times out leaves no late answer", fun() ->
            Server = ask(spawn_gs),
            {'EXIT', {timeout, _}} = (catch gen_server:call(Server, {delay, 100, late}, 20)),
            nothing(200)
        end},
        {"a crash reaches the caller with its reason", fun() ->
            Server = ask(spawn_gs),
            {'EXIT', {{bad, luck}, {gen_server, call, _}}} = (catch gen_server:call(Server, {crash, {bad, luck}})),
            {'EXIT', {noproc, _}} = (catch gen_server:call(Server, notes))
        end},
        {"multi_call and abcast", fun() ->
            Node = get(node),
            {[{Node, m}], []} = gen_server:multi_call([Node], conformance_gs, {echo, m}),
            abcast = gen_server:abcast([Node], conformance_gs, {note, abcast_note}),
            Notes = gen_server:call(server(), notes),
            true = lists:member(abcast_note, Notes)
        end},
        {"send_request and receive_response", fun() ->
            Id = gen_server:send_request(server(), {delay, 10, later}),
            {reply, later} = gen_server:receive_response(Id, 5000)
        end},
        {"two hundred callers at once", fun() ->
            Self = self(),
            Server = server(),
            [spawn_link(fun() -> Self ! (gen_server:call(Server, {echo, N}) =:= N) end) || N <- lists:seq(1, 200)],
            [true = next() || _ <- lists:seq(1, 200)]
        end},
        {"the same from there: reply, timeout without a late answer, crash, noproc", fun() ->
            Agent = child(),
            Server = spawn(fun() -> serve() end),
            {ok, {got, 1}} = ask(Agent, {gen_call, Server, {echo, 1}, 2000}),
            {error, timeout} = ask(Agent, {gen_call, Server, {delay, 100}, 20}),
            {error, crashed} = ask(Agent, {gen_call, Server, crash, 2000}),
            {error, noproc} = ask(Agent, {gen_call, Server, {echo, 2}, 2000}),
            {error, noproc} = ask(Agent, {gen_call, {nobody, node()}, {echo, 2}, 2000}),
            timer:sleep(200),
            [] = ask(Agent, log)
        end}
    ];
group(spawn) ->
    [
        {"spawn starts an agent", fun() ->
            Agent = spawn(get(node), conformance, child, []),
            pong = ask(Agent, ping)
        end},
        {"spawn_link and spawn_monitor are there from the first instruction", fun() ->
            process_flag(trap_exit, true),
            Linked = spawn_link(get(node), conformance, child, []),
            tell(Linked, {exit, linked}),
            {'EXIT', Linked, linked} = next(),
            {Watched, Ref} = spawn_monitor(get(node), conformance, child, []),
            tell(Watched, {exit, watched}),
            {'DOWN', Ref, process, Watched, watched} = next()
        end},
        {"spawn_request is answered, and refused for what is not registered", fun() ->
            Id = spawn_request(get(node), conformance, child, [], [link, {reply, yes}]),
            {spawn_reply, Id, ok, Agent} = next(),
            pong = ask(Agent, ping),
            unlink(Agent),
            Bad = spawn_request(get(node), no_module, no_function, [], [{reply, yes}]),
            {spawn_reply, Bad, error, notsup} = next(),
            Quiet = spawn_request(get(node), conformance, child, [], [{reply, error_only}]),
            true = is_reference(Quiet),
            nothing(100)
        end},
        {"an unknown function does not hang the caller", fun() ->
            Pid = spawn(get(node), no_module, no_function, []),
            Ref = monitor(process, Pid),
            {'DOWN', Ref, process, Pid, _} = next()
        end}
    ];
group(rpc) ->
    [
        {"registered functions are called by rpc and erpc", fun() ->
            3 = rpc:call(get(node), host, add, [1, 2]),
            3 = erpc:call(get(node), host, add, [1, 2]),
            {[3], []} = rpc:multicall([get(node)], host, add, [1, 2]),
            [{ok, 3}] = erpc:multicall([get(node)], host, add, [1, 2]),
            3 = rpc:yield(rpc:async_call(get(node), host, add, [1, 2])),
            3 = rpc:block_call(get(node), host, add, [1, 2]),
            3 = erpc:receive_response(erpc:send_request(get(node), host, add, [1, 2])),
            true = rpc:cast(get(node), host, add, [1, 2])
        end},
        {"functions that are not registered are undef", fun() ->
            {badrpc, {'EXIT', {undef, [{os, cmd, ["ls"], []}]}}} = rpc:call(get(node), os, cmd, ["ls"]),
            {'EXIT', {{exception, undef, [{os, cmd, ["ls"], []}]}, _}} = (catch erpc:call(get(node), os, cmd, ["ls"])),
            {badrpc, {'EXIT', {undef, _}}} = gen_server:call({rex, get(node)}, {call, os, cmd, ["ls"], group_leader()})
        end},
        {"errors and exits of the function reach the caller as such", fun() ->
            {badrpc, {'EXIT', {{'$js', error, <<"TypeError">>, <<"it fails">>, _, _}, _}}} = rpc:call(get(node), host, fail, []),
            {badrpc, {'EXIT', why}} = rpc:call(get(node), host, leave, [why]),
            {'EXIT', {exception, why}} = (catch erpc:call(get(node), host, leave, [why]))
        end},
        {"the function runs in a process of that node", fun() ->
            true = node(rpc:call(get(node), host, whoami, [])) =:= get(node)
        end}
    ];
group(control) ->
    [{"a wrong expectation is noticed", fun() -> 2 = ask({echo, 1}) end}].

%% Helpers of groups

%% A node that claims to be lossless keeps integral floats floats.
same(Term, Back) ->
    Same = case lists:member(lossless, ask(features)) of true -> Back =:= Term; false -> Back == Term end,
    case Same of true -> ok; false -> error({not_same, Term, Back}) end.


in_order(Count) -> [{seq, N} = next() || N <- lists:seq(1, Count)].

down(Ref) ->
    receive
        {'DOWN', Ref, _, _, _} -> ok
    after 10000 -> error(no_down)
    end.

flush_answers() ->
    receive
        {Ref, ok} when is_reference(Ref) -> flush_answers()
    after 0 -> ok
    end.

serve() ->
    receive
        {'$gen_call', From, {echo, T}} -> gen_server:reply(From, {got, T}), serve();
        {'$gen_call', From, {delay, Ms}} -> timer:sleep(Ms), gen_server:reply(From, late), serve();
        {'$gen_call', _, crash} -> exit(crashed)
    end.

crypto_free_bytes(Size) ->
    Chunk = << <<(N * 37 rem 251)>> || N <- lists:seq(1, 4096) >>,
    binary:part(binary:copy(Chunk, Size div 4096 + 1), 0, Size).

terms() ->
    [
        0, 1, -1, 255, 256, -128, -129, 2147483647, 2147483648, -2147483648, -2147483649, 4294967296,
        9007199254740991, 9007199254740992, 9007199254740993, -9007199254740993, 1 bsl 63, 1 bsl 64, -(1 bsl 64),
        1 bsl 2040, 1 bsl 2048, -(1 bsl 5000), 0.0, 1.0, -1.0, 1.5, 1.0e308, 5.0e-324, 123456789.125,
        a, '', 'with space', 'true', nil, undefined, null, list_to_atom(lists:duplicate(255, $x)),
        list_to_atom(lists:duplicate(255, 16#1F600)), 'été',
        <<>>, <<1, 2, 3>>, <<"utf8 é"/utf8>>, <<255, 254>>, <<16#EF, 16#BB, 16#BF, 65>>, <<0>>, <<1:1>>, <<5:3>>, <<1, 2, 3:5>>,
        binary:copy(<<1>>, 300), "", "abc", [1, 2, 3], [256, 257], [$é], [a | b], [1, 2 | {3}], lists:seq(1, 300),
        lists:duplicate(70000, 1), [[]], [[[]]], {}, {1}, {a, b, c}, list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 300)),
        #{}, #{a => 1}, #{<<"k">> => v}, #{1 => one, 1.5 => x, {t} => [], "s" => <<"s">>, [] => #{}}, maps:from_list([{N, N} || N <- lists:seq(1, 100)]),
        #{#{a => 1} => b}, self(), make_ref(), hd(erlang:ports()), fun erlang:length/1, fun() -> ok end,
        {ok, #{list => [1, <<"two">>, {three, 3.5}], pid => self()}}, [true, false, undefined, null, nil],
        lists:foldl(fun(_, Acc) -> {Acc} end, deep, lists:seq(1, 500)), lists:foldl(fun(_, Acc) -> [Acc] end, deep, lists:seq(1, 500)),
        {'$gen_call', x}, {'DOWN', a, b, c, d}, <<0:800>>, [<<"a">> | <<"b">>], -0.5, 1.0e22, 1.0e21
    ].

random_term(0) -> random_leaf();
random_term(Depth) ->
    case rand:uniform(6) of
        1 -> [random_term(Depth - 1) || _ <- lists:seq(1, rand:uniform(4))];
        2 -> list_to_tuple([random_term(Depth - 1) || _ <- lists:seq(1, rand:uniform(4))]);
        3 -> maps:from_list([{random_term(Depth - 1), random_term(Depth - 1)} || _ <- lists:seq(1, rand:uniform(3))]);
        4 -> [random_term(Depth - 1) | random_leaf()];
        _ -> random_leaf()
    end.

random_leaf() ->
    case rand:uniform(7) of
        1 -> rand:uniform(1 bsl (rand:uniform(80))) - (1 bsl 20);
        2 -> rand:normal() * 1000;
        3 -> list_to_atom("a" ++ integer_to_list(rand:uniform(50)));
        4 -> rand:bytes(rand:uniform(20));
        5 -> <<"text ", (integer_to_binary(rand:uniform(100)))/binary>>;
        6 -> self();
        7 -> []
    end.
