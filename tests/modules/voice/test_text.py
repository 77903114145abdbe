import pytest
from hypothesis import given
from hypothesis import strategies as st

from xy_core.modules.voice import SentenceSplitter, split_sentences, spoken_text
from xy_core.modules.voice.numerals import read_numbers
from xy_core.modules.voice.speakable import language_runs, speakable


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello. How are you? Fine!", ["Hello. ", "How are you? ", "Fine!"]),
        ("Dr. Li paid 3.5 yuan. Then he left.", ["Dr. Li paid 3.5 yuan. ", "Then he left."]),
        ("太好了！恭喜你。我很高兴", ["太好了！", "恭喜你。", "我很高兴"]),
        ("他说：“走吧。”然后走了。", ["他说：“走吧。”", "然后走了。"]),
        ("Wait... what? Yes.", ["Wait... what? ", "Yes."]),
        ("", []),
        ("See https://a.io/b.c?d=e. Go on.", ["See https://a.io/b.c?d=e. ", "Go on."]),
        ('He said "Go." Then he left.', ['He said "Go." ', "Then he left."]),
        ("Well… I see. OK", ["Well… ", "I see. ", "OK"]),
        ("等等……我明白了。好", ["等等……", "我明白了。", "好"]),
        ("他问：“真的吗？”我说：“真的。”", ["他问：“真的吗？”", "我说：“真的。”"]),
        ("「走吧。」她說。", ["「走吧。」", "她說。"]),
        ("我用Python 3.11。很好", ["我用Python 3.11。", "很好"]),
        ("U.S. officials met. They talked.", ["U.S. officials met. ", "They talked."]),
        ("What?! No!! Yes", ["What?! ", "No!! ", "Yes"]),
        ("1. First\n2. Second", ["1. First\n", "2. Second"]),
        ("no punctuation at all", ["no punctuation at all"]),
    ],
)
def test_sentences(text, sentences):
    assert split_sentences(text) == sentences


@given(st.text(alphabet=st.sampled_from("ab A.!?。！？\n，,”’ 你好3"), max_size=300), st.data())
def test_cuts_do_not_depend_on_the_pieces_and_lose_nothing(text, data):
    splitter = SentenceSplitter()
    sentences = []
    rest = text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        sentences += splitter.feed(rest[:size])
        rest = rest[size:]
    sentences += splitter.flush()
    assert "".join(sentences) == text
    assert sentences == split_sentences(text)


def test_an_endless_sentence_is_cut():
    sentences = split_sentences("word " * 200)
    assert max(map(len, sentences)) <= 160
    assert "".join(sentences) == "word " * 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,234元", "一千二百三十四元"),
        ("2024年", "二零二四年"),
        ("3.5%", "百分之三点五"),
        ("007", "零零七"),
        ("10点", "十点"),
        ("100000001", "一亿零一"),
        ("0", "零"),
    ],
)
def test_numbers_are_read(text, said):
    assert read_numbers(text) == said


@given(st.integers(0, 10**16 - 1))
def test_every_whole_number_can_be_read(number):
    assert not any(character.isascii() for character in read_numbers(str(number)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Hi** [you](http://x.y) 😀", "Hi you"),
        ("😀😀", ""),
        ("see https://example.com/a now", "see now"),
        ("a\x00b", "ab"),
        ("20°C", "20°C"),
    ],
)
def test_only_what_can_be_said_is_left(text, said):
    assert speakable(text) == said


@given(st.text(max_size=200))
def test_any_text_can_be_cleaned(text):
    assert speakable(speakable(text)) == speakable(text)
    spoken_text(text)


def test_two_transcripts_are_compared_by_their_bare_words():
    assert spoken_text("Don't  stop, NOW!") == spoken_text("dont stop now")
    assert spoken_text("我有 3 个苹果。") == spoken_text("我有三个苹果")


@pytest.mark.parametrize(
    ("text", "language", "runs"),
    [
        ("It says 你好!", "en", [("en", "It says"), ("zh", "你好")]),
        ("我用 iPhone 听歌。", "zh", [("zh", "我用 iPhone 听歌。")]),
        ("😀", "en", []),
        ("", "zh", []),
    ],
)
def test_a_text_is_cut_where_its_language_changes(text, language, runs):
    assert language_runs(text, language) == runs
