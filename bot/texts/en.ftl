# What a shop assistant sees whose Telegram is not in Russian. The same message names as in ru.ftl.

# Buttons below the input line
button-begin = Let's go!
button-next = Next!

# Buttons below the message about a visitor
button-take = I'm going
button-decline = I can't
button-right = Right
button-not-a-customer = Not a customer
button-chosen = ✓ { $label }

# Answers
welcome = Hello, { $name }! Press “Let's go!” when you are ready for visitors.
no-access = You have no access
no-access-help = Ask the store's administrator to add you. Your Telegram number: { $id }
waiting = Waiting for visitors
waiting-already = You are waiting for visitors already
off = I won't disturb you. To go on, press “Let's go!”
off-already = You aren't waiting for visitors
hello = Hello, { $name }!
ping = I'm here
report-none = Nothing to show yet: there has been no training
help =
    I tell you that a visitor has come and which department they most likely head for.

    “Let's go!” — wait for visitors
    “Next!” — you are free again and wait for the next one
    /cancel — stop waiting
    /login — log in again
    /ping — check the connection
not-understood = I don't understand. Press a button below or see /help
private-only = I only work in private chats
trouble = That didn't work. Please try again in a minute

# The message about a visitor
visitor = Go to { $department } — { $percent }%
visitor-more = Also likely: { $departments }
visitor-unknown = A visitor at the entrance
ranked = { $department } ({ $percent }%)
repeated = Once more: { $text }

# What became of the message
taken = 👍 You're going. When you know what the visitor came for, mark it:
taken-unknown = 👍 You're going. When you know the visitor's department, mark it:
answered = ✅ Marked: { $answer }. When you are free, press “Next!”
declined = You couldn't go. If you no longer wait for visitors, press /cancel
expired = Time is up, no need to go
failed = This message no longer counts

# Hints that pop up at a press
toast-taken = Thank you, go ahead!
toast-answered = Thank you, marked
toast-declined = All right
toast-expired = Time is up: someone has met the visitor, or they have left
toast-departments-changed = The list of departments has changed, please choose again
toast-not-valid = This button no longer works

# The menu of commands
command-start = Start working
command-login = Log in
command-cancel = Stop waiting for visitors
command-hello = Say hello
command-ping = Check the connection
command-help = What I can do
